import type { Queryable, Transaction } from '../../platform/database/database';
import { unitsToDeliver } from '../fulfilment/shipments-of-order';
import { pricesOf } from '../orders/payment-terms';
import {
  createRefunds,
  executeRefund,
  lockRefundable,
  readPendingRefunds,
  sumRefunded,
  type RefundDeps,
} from '../payments/refund';
import { refundDue } from '../payments/rules';
import type { PaymentDue, RefundablePayment } from '../payments/types';

/**
 * What these captured payments of an order owe to its customer, those that owe nothing left out: everything but the price of
 * the units in shipments that have left or may still leave, and but what is planned to go back already.
 */
export async function refundsDue(
  on: Queryable,
  orderId: string,
  payments: readonly RefundablePayment[],
): Promise<PaymentDue[]> {
  if (payments.length === 0) return [];
  const units = await unitsToDeliver(on, orderId);
  const kept = await pricesOf(
    on,
    orderId,
    units.map(({ reservationId: group, productId, quantity }) => ({ group, productId, quantity })),
  );
  return payments
    .map((payment) => ({
      paymentId: payment.paymentId,
      amountMinor: refundDue(payment, kept.get(payment.reservationId) ?? 0),
    }))
    .filter(({ amountMinor }) => amountMinor > 0);
}

/**
 * Plans to give back what an order has paid for and will not get. A second run plans nothing. Locks the order's payments,
 * then its row.
 *
 * @returns the ids of all the order's refunds that the gateway has not made yet
 */
export async function planRefunds(tx: Transaction, orderId: string, reason: string): Promise<string[]> {
  // What is to be delivered is read after the lock, so that two plans cannot both count the same failure.
  const payments = await lockRefundable(tx, orderId);
  await createRefunds(tx, { orderId, reason, due: await refundsDue(tx, orderId, payments) });
  return readPendingRefunds(tx, orderId);
}

export interface RefundOrderRequest extends RefundDeps {
  orderId: string;
  reason: string;
  /** Called before each call of the gateway. */
  onProgress?: (refundId: string) => void;
}

/**
 * Gives back everything that is due to an order's customer: plans it, then makes every refund that is still open.
 *
 * @returns what is back with the customer by then, all refunds of the order together, minor units
 * @throws as `executeRefund`; refunds made before the one that failed stay made
 */
export async function refundOrder(request: RefundOrderRequest): Promise<{ refundedMinor: number }> {
  const { db, orderId, reason, onProgress } = request;
  for (const refundId of await db.retrying((tx) => planRefunds(tx, orderId, reason))) {
    onProgress?.(refundId);
    await executeRefund(request, refundId);
  }
  return { refundedMinor: await sumRefunded(db, orderId) };
}
