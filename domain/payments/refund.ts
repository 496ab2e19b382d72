import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { appendEvents } from '../orders/events';
import { assertOwnGateway } from './charge';
import { refundFailed, refundNotFound } from './errors';
import { completeRefund, insertRefunds, selectRefund, type RefundRow } from './refund-queries';
import type { PaymentDue, PaymentGateway } from './types';

export {
  selectPendingRefunds as readPendingRefunds,
  selectRefundable as readRefundable,
  selectRefundableForUpdate as lockRefundable,
  sumRefunded,
} from './refund-queries';

/**
 * Plans refunds of these amounts, with an event for each: they are set aside on their payments, which the caller has locked,
 * and made at the gateway later. Locks the order's row.
 */
export async function createRefunds(
  tx: Transaction,
  request: { orderId: string; reason: string; due: readonly PaymentDue[] },
): Promise<void> {
  const { orderId, reason, due } = request;
  if (due.length === 0) return;
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

export interface RefundDeps {
  db: Database;
  gateway: PaymentGateway;
}

/**
 * Makes a planned refund at the gateway and records it: only now does the payment show the money as refunded. Safe to
 * repeat, also while another call does the same.
 *
 * @throws `REFUND_NOT_FOUND`; `PAYMENT_GATEWAY_UNAVAILABLE` and what else the gateway throws; `PAYMENT_GATEWAY_CHANGED`
 */
export async function executeRefund(deps: RefundDeps, refundId: string): Promise<void> {
  const { db, gateway } = deps;
  const refund = await existingRefund(db, refundId);
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

async function existingRefund(on: Queryable, refundId: string): Promise<RefundRow> {
  const refund = await selectRefund(on, refundId);
  if (!refund) throw refundNotFound(refundId);
  return refund;
}

function asRequest(refund: RefundRow) {
  if (!refund.chargeRef) throw refundFailed('the gateway never gave an id for this charge.');
  const { id: refundId, paymentId, amountMinor, currency, reason, chargeRef: gatewayRef } = refund;
  return { refundId, paymentId, gatewayRef, amountMinor, currency, reason };
}
