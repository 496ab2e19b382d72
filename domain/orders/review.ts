import type { Queryable, Transaction } from '../../platform/database/database';
import { raiseAttention, resolveAttention } from './attention';
import { appendEvents } from './events';
import { decideDueReview, decideOpenReview, openReview, selectReview } from './review-queries';
import type { ReviewOutcome, ReviewStatus } from './types';

/**
 * Tells a person that an order is to be reviewed, and lets the time to decide begin, where neither was done before. Locks the order's
 * row; its alert is locked only below that row.
 */
export async function beginReview(tx: Transaction, orderId: string): Promise<void> {
  const opened = await openReview(tx, orderId);
  if (!opened) return;
  const { deadline, otherwise, totalMinor, currency } = opened;
  await appendEvents(tx, [{ orderId, type: 'review_opened', data: { deadline, otherwise } }]);
  const why = `Its total is ${totalMinor} minor units of ${currency}. Unless somebody decides until ${deadline}, it is ${otherwise}.`;
  await raiseAttention(tx, [
    { orderId, kind: 'review_open', about: orderId, why, details: { deadline, otherwise } },
  ]);
}

/** Who decided. */
export interface ReviewDecision {
  orderId: string;
  outcome: ReviewOutcome;
  actor: string;
  note: string | null;
}

/**
 * Decides the review of an order, with an event; false: it is not open, or nothing of the order is authorised yet. Whatever else ends a
 * review is an update of the same row, so exactly one of them does. Locks the order's row.
 */
export async function recordReviewDecision(
  tx: Transaction,
  { orderId, outcome, actor, note }: ReviewDecision,
): Promise<boolean> {
  if (!(await decideOpenReview(tx, orderId, outcome))) return false;
  await tellDecision(tx, { orderId, outcome, actor, note });
  return true;
}

/** The same once its deadline has passed, as its terms say; null: it is not open, or not due. */
export async function recordDeadlineDecision(
  tx: Transaction,
  orderId: string,
): Promise<ReviewOutcome | null> {
  const decided = await decideDueReview(tx, orderId);
  if (!decided) return null;
  await tellDecision(tx, { orderId, outcome: decided.outcome, actor: null, note: null });
  return decided.outcome;
}

async function tellDecision(
  tx: Transaction,
  { orderId, outcome, actor, note }: Omit<ReviewDecision, 'actor'> & { actor: string | null },
): Promise<void> {
  await appendEvents(tx, [
    { orderId, type: `review_${outcome}`, actor: actor ?? undefined, data: { actor, note } },
  ]);
  await resolveReviewAttention(tx, [orderId]);
}

/** Ends what these orders need a person for about their reviews. The caller has locked the orders' rows. */
export function resolveReviewAttention(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return resolveAttention(
    tx,
    orderIds.map((orderId) => ({ kind: 'review_open', about: orderId })),
  );
}

/** How the review of an order stands: null where it is not reviewed, undefined where there is no such order. */
export async function readReview(on: Queryable, orderId: string): Promise<ReviewStatus | null | undefined> {
  return (await selectReview(on, orderId))?.status;
}
