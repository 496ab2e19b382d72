import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { createShipments } from '../fulfilment/create';
import { recordCancelRequest } from '../orders/cancel-request';
import { appendEvents } from '../orders/events';
import { readPaymentTerms, type PaymentTerms } from '../orders/payment-terms';
import {
  beginReview,
  readReview,
  recordDeadlineDecision,
  recordReviewDecision,
  type ReviewDecision,
} from '../orders/review';
import { isCapturedLater } from '../orders/rules';
import type { ReviewOutcome, ReviewStatus } from '../orders/types';
import { lockOrderPayments } from '../payments/payments';
import { lockOrderReservations, type ReservationRow } from '../stock/reservations/reservations';
import { planWholeCapture } from './capture';
import { existingProgress } from './progress';
import type { OrderProgress } from './types';
import { unshippedOf } from './unshipped';

const REJECTED = 'the order was rejected in its review';

export interface ConfirmedReservation {
  orderId: string;
  reservationId: string;
  /** Name of the carrier that is to take the shipments. */
  carrier: string;
  /** Its money is authorised, and not captured. */
  isAuthorized: boolean;
  /** Of the order. */
  reservations: readonly ReservationRow[];
}

/**
 * What follows once a reservation is confirmed: its shipments; while its order is reviewed, that a person is told instead. Money that was
 * only authorised because of a review which was approved meanwhile is captured. The caller has locked the order's reservations and
 * payments, as a decision does. Locks the order's row.
 */
export async function shipUnlessReviewed(
  tx: Transaction,
  { orderId, reservationId, carrier, isAuthorized, reservations }: ConfirmedReservation,
  terms: Pick<PaymentTerms, 'isReviewOpen' | 'mayShip' | 'capture'>,
): Promise<void> {
  if (terms.mayShip) {
    await createShipments(tx, [{ orderId, reservationId, carrier }]);
    if (isAuthorized && !isCapturedLater(terms))
      await appendEvents(tx, await planWholeCapture(tx, orderId, { reservations }));
  } else if (terms.isReviewOpen) {
    await beginReview(tx, orderId);
  }
}

/**
 * Decides the review of an order, in one transaction with what follows: approved, what is paid for gets its shipments; rejected, the
 * order is to be cancelled. The saga is woken. The same decision again changes nothing.
 *
 * @param request.carrier name of the carrier that is to take the shipments
 * @throws `ORDER_NOT_FOUND`; `NOT_IN_REVIEW` with `review`: it is not reviewed, nothing of it is authorised yet, or its review has ended
 *   otherwise
 */
export async function decideReview(
  db: Database,
  { carrier, ...decision }: ReviewDecision & { carrier: string },
): Promise<void> {
  const { orderId, outcome } = decision;
  await db.retrying(async (tx) => {
    const reservations = await lockForDecision(tx, orderId);
    if (!(await recordReviewDecision(tx, decision))) {
      await expectDecided(tx, orderId, outcome);
      return;
    }
    await follow(tx, { orderId, outcome, carrier, reservations });
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
  });
}

/**
 * Decides the review of an order as its terms say, once its deadline has passed. One that was decided, or ended, meanwhile is left as it
 * is. The saga, whose step it is, is not woken: a signal during its task would make the engine drop what the task did.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function decideReviewByDeadline(
  db: Database,
  { orderId, carrier }: { orderId: string; carrier: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockForDecision(tx, orderId);
    const outcome = await recordDeadlineDecision(tx, orderId);
    if (outcome) await follow(tx, { orderId, outcome, carrier, reservations });
  });
  return existingProgress(db, orderId);
}

/** Locks all that a decision changes before the order's row, which comes last. Returns the order's reservations. */
async function lockForDecision(tx: Transaction, orderId: string): Promise<ReservationRow[]> {
  const reservations = await lockOrderReservations(tx, orderId);
  await lockOrderPayments(tx, orderId);
  return reservations;
}

interface Decided {
  orderId: string;
  outcome: ReviewOutcome;
  carrier: string;
  reservations: readonly ReservationRow[];
}

async function follow(tx: Transaction, { orderId, outcome, carrier, reservations }: Decided): Promise<void> {
  if (outcome === 'approved') {
    const unshipped = await unshippedOf(tx, orderId);
    await createShipments(
      tx,
      [...unshipped].map((reservationId) => ({ orderId, reservationId, carrier })),
    );
    const terms = await readPaymentTerms(tx, orderId);
    if (terms && !isCapturedLater(terms))
      await appendEvents(tx, await planWholeCapture(tx, orderId, { reservations }));
  } else {
    await recordCancelRequest(tx, { orderId, reason: REJECTED });
  }
}

async function expectDecided(tx: Transaction, orderId: string, outcome: ReviewOutcome): Promise<void> {
  const review = await readReview(tx, orderId);
  if (review === undefined) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.', { orderId });
  if (review === outcome) return;
  throw new AppError('NOT_IN_REVIEW', whyNotInReview(review), { review });
}

function whyNotInReview(review: ReviewStatus | null): string {
  if (review === null) return 'This order is not reviewed.';
  // One of which money is authorised would have been decided.
  if (review === 'open')
    return 'Nothing of this order is authorised yet, so its total may still change. It can be decided about once its payment is authorised.';
  return `The review of this order is ${review}.`;
}
