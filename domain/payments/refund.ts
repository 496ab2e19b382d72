import type { Database, Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { appendEvents } from '../orders/events';
import { assertOwnGateway } from './charge';
import { refundFailed, refundNotFound } from './errors';
import {
  completeRefund,
  insertRefunds,
  lockCapturedPayments,
  selectPendingRefunds,
  selectRefund,
  selectRefundsDue,
  sumRefunded,
  type RefundRow,
} from './queries';
import type { PaymentGateway } from './types';

/**
 * Plans to give back what an order has paid for and will not get: of each captured payment everything but the price of
 * the units in shipments that are neither voided nor failed, and but what is planned already. So a second run plans nothing.
 * Locks the order's payments, then its row.
 *
 * @returns the ids of all the order's refunds that the gateway has not made yet
 */
export async function refundDue(tx: Transaction, orderId: string, reason: string): Promise<string[]> {
  const paymentIds = await lockCapturedPayments(tx, orderId);
  const due = paymentIds.length === 0 ? [] : await selectRefundsDue(tx, paymentIds);
  if (due.length > 0) {
    const refunds = due.map((payment) => ({ ...payment, refundId: newId(), orderId, reason }));
    await insertRefunds(tx, refunds);
    await appendEvents(
      tx,
      refunds.map(({ refundId, paymentId, amountMinor }) => ({
        orderId,
        type: 'refund_started',
        data: { refundId, paymentId, amountMinor, reason },
      })),
    );
  }
  return selectPendingRefunds(tx, orderId);
}

/**
 * Makes a planned refund at the gateway and records it: only now does the payment show the money as refunded. Safe to
 * repeat, also while another call does the same.
 *
 * @throws `REFUND_NOT_FOUND`; `PAYMENT_GATEWAY_UNAVAILABLE` and what else the gateway throws; `PAYMENT_GATEWAY_CHANGED`
 */
export async function executeRefund(deps: RefundDeps, refundId: string): Promise<void> {
  const { db, gateway } = deps;
  const refund = await selectRefund(db, refundId);
  if (!refund) throw refundNotFound(refundId);
  if (refund.status === 'succeeded') return;
  assertOwnGateway(refund.gateway, gateway);
  const gatewayRef = await gateway.refund(asRequest(refund));
  await db.retrying(async (tx) => {
    if (!(await completeRefund(tx, refundId, gatewayRef))) return;
    const { orderId, paymentId, amountMinor } = refund;
    await appendEvents(tx, [
      { orderId, type: 'refund_succeeded', data: { refundId, paymentId, amountMinor } },
    ]);
  });
}

export interface RefundDeps {
  db: Database;
  gateway: PaymentGateway;
}

/**
 * Gives back everything that is due to an order's customer: plans it, then makes every refund that is still open, whoever
 * planned it.
 *
 * @returns what is back with the customer by then, all refunds of the order together, minor units
 * @throws as `executeRefund`; refunds made before the one that failed stay made
 */
export async function executeRefunds(
  deps: RefundDeps & {
    orderId: string;
    reason: string;
    /** Called before each call of the gateway. */
    onProgress?: (refundId: string) => void;
  },
): Promise<{ refundedMinor: number }> {
  const { db, orderId, reason } = deps;
  for (const refundId of await db.retrying((tx) => refundDue(tx, orderId, reason))) {
    deps.onProgress?.(refundId);
    await executeRefund(deps, refundId);
  }
  return { refundedMinor: await sumRefunded(db, orderId) };
}

function asRequest(refund: RefundRow) {
  if (!refund.chargeRef) throw refundFailed('the gateway never gave an id for this charge.');
  const { id: refundId, paymentId, amountMinor, currency, reason, chargeRef: gatewayRef } = refund;
  return { refundId, paymentId, gatewayRef, amountMinor, currency, reason };
}
