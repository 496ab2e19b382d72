import type { Transaction } from '../../platform/database/database';
import { appendEvents } from '../orders/events';
import { insertPayments, updateOutcome } from './queries';
import type { ChargeOutcome, NewPayment, PaymentRow } from './types';

export {
  existsCaptured as wasEverPaid,
  selectById as readPayment,
  selectOfOrder as readOrderPayments,
  selectOfOrderForUpdate as lockOrderPayments,
  selectOfUpdate as readPaymentOfUpdate,
  selectView as readPaymentView,
} from './queries';

/** Writes payments that are about to be charged. Their events are the caller's to append. */
export async function createPayments(tx: Transaction, payments: readonly NewPayment[]): Promise<void> {
  if (payments.length > 0) await insertPayments(tx, payments);
}

/**
 * Writes how the charge of a payment ended, with an event. The caller has locked the payment, and seen that it is in flight.
 * Locks the order's row.
 */
export async function settlePayment(
  tx: Transaction,
  { id: paymentId, orderId, amountMinor, currency }: PaymentRow,
  outcome: Exclude<ChargeOutcome, { status: 'unknown' }>,
): Promise<void> {
  const { status, gatewayRef } = outcome;
  const declineCode = outcome.status === 'declined' ? outcome.declineCode : null;
  await updateOutcome(tx, { id: paymentId, status, gatewayRef, declineCode });
  const data =
    outcome.status === 'declined' ? { paymentId, declineCode } : { paymentId, amountMinor, currency };
  await appendEvents(tx, [{ orderId, type: `payment_${status}`, data }]);
}
