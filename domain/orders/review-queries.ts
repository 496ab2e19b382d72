import { maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { utc } from '../../platform/database/pages';
import type { ReviewOutcome, ReviewStatus } from './types';

/** Begins the time to decide about an order, where it has not begun; undefined: it has, or nothing is to be decided. */
export function openReview(
  tx: Transaction,
  orderId: string,
): Promise<{ deadline: string; otherwise: ReviewOutcome; totalMinor: number; currency: string } | undefined> {
  return maybeOne(
    tx,
    'orders.open_review',
    `update orders set review_until = clock_timestamp() + make_interval(secs => (input #>> '{review,seconds}')::float8),
       updated_at = clock_timestamp()
     where id = $1 and review_status = 'open' and review_until is null
     returning ${utc('review_until')} as deadline, input #>> '{review,otherwise}' as otherwise,
       total_minor as "totalMinor", currency`,
    [orderId],
  );
}

/** Decides an open review; false: it is not open, or nothing is authorised yet, so that the total may still change. */
export async function decideOpenReview(
  tx: Transaction,
  orderId: string,
  outcome: ReviewOutcome,
): Promise<boolean> {
  const decided = await maybeOne(
    tx,
    'orders.decide_review',
    `update orders set review_status = $2, updated_at = clock_timestamp()
     where id = $1 and review_status = 'open' and review_until is not null returning id`,
    [orderId, outcome],
  );
  return decided !== undefined;
}

/** Decides an open review as its terms say, once its deadline has passed; undefined: it is not open, or not due. */
export function decideDueReview(
  tx: Transaction,
  orderId: string,
): Promise<{ outcome: ReviewOutcome } | undefined> {
  return maybeOne(
    tx,
    'orders.decide_due_review',
    `update orders set review_status = input #>> '{review,otherwise}', updated_at = clock_timestamp()
     where id = $1 and review_status = 'open' and review_until <= clock_timestamp() returning review_status as outcome`,
    [orderId],
  );
}

/** Undefined: no such order. Its status null: it was never reviewed. */
export function selectReview(
  on: Queryable,
  orderId: string,
): Promise<{ status: ReviewStatus | null } | undefined> {
  return maybeOne(on, 'orders.review', 'select review_status as status from orders where id = $1', [orderId]);
}
