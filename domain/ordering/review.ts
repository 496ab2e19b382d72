import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { createShipments } from '../fulfilment/create';
import { recordCancelRequest } from '../orders/cancel-request';
import type { PaymentTerms } from '../orders/payment-terms';
import {
  beginReview,
  readReview,
  recordDeadlineDecision,
  recordReviewDecision,
  type ReviewDecision,
} from '../orders/review';
import type { ReviewOutcome } from '../orders/types';
import { lockOrderPayments } from '../payments/payments';
import { lockOrderReservations } from '../stock/reservations/reservations';
import { existingProgress } from './progress';
import type { OrderProgress } from './types';
import { unshippedOf } from './unshipped';

const REJECTED = 'the order was rejected in its review';

/**
 * What follows once a reservation is confirmed: its shipments; while its order is reviewed, that a person is told instead. The caller
 * has locked the order's reservations, as a decision does. Locks the order's row.
 */
export async function shipUnlessReviewed(
  tx: Transaction,
  shipment: { orderId: string; reservationId: string; carrier: string },
  { isReviewOpen, mayShip }: Pick<PaymentTerms, 'isReviewOpen' | 'mayShip'>,
): Promise<void> {
  if (mayShip) await createShipments(tx, [shipment]);
  else if (isReviewOpen) await beginReview(tx, shipment.orderId);
}

/**
 * Decides the review of an order, in one transaction with what follows: approved, what is paid for gets its shipments; rejected, the
 * order is to be cancelled. The saga is woken. The same decision again changes nothing.
 *
 * @param request.carrier name of the carrier that is to take the shipments
 * @throws `ORDER_NOT_FOUND`; `NOT_IN_REVIEW` with `review`: it is not reviewed, or its review has ended otherwise
 */
export async function decideReview(
  db: Database,
  { carrier, ...decision }: ReviewDecision & { carrier: string },
): Promise<void> {
  const { orderId, outcome } = decision;
  await db.retrying(async (tx) => {
    await lockForDecision(tx, orderId);
    if (await recordReviewDecision(tx, decision)) await follow(tx, { orderId, outcome, carrier });
    else await expectDecided(tx, orderId, outcome);
  });
}

/**
 * Decides the review of an order as its terms say, once its deadline has passed. One that was decided, or ended, meanwhile is left as it
 * is.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function decideReviewByDeadline(
  db: Database,
  { orderId, carrier }: { orderId: string; carrier: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    await lockForDecision(tx, orderId);
    const outcome = await recordDeadlineDecision(tx, orderId);
    if (outcome) await follow(tx, { orderId, outcome, carrier });
  });
  return existingProgress(db, orderId);
}

/** All that a decision changes before the order's row, which comes last. */
async function lockForDecision(tx: Transaction, orderId: string): Promise<void> {
  await lockOrderReservations(tx, orderId);
  await lockOrderPayments(tx, orderId);
}

async function follow(
  tx: Transaction,
  { orderId, outcome, carrier }: { orderId: string; outcome: ReviewOutcome; carrier: string },
): Promise<void> {
  if (outcome === 'approved') {
    const unshipped = await unshippedOf(tx, orderId);
    await createShipments(
      tx,
      [...unshipped].map((reservationId) => ({ orderId, reservationId, carrier })),
    );
    // HOOK planWholeCapture: of an order whose money is taken with it, everything that is authorised is captured now. Its reservations,
    // payments and its own row are locked here: `await planWholeCapture(tx, orderId)`.
  } else {
    await recordCancelRequest(tx, orderId, REJECTED);
  }
  await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
}

async function expectDecided(tx: Transaction, orderId: string, outcome: ReviewOutcome): Promise<void> {
  const review = await readReview(tx, orderId);
  if (review === undefined) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.', { orderId });
  if (review === outcome) return;
  const how = review === null ? 'This order is not reviewed.' : `The review of this order is ${review}.`;
  throw new AppError('NOT_IN_REVIEW', how, { review });
}
