import type { Transaction } from '../../platform/database/database';
import { postCapture } from '../money/posting';
import { appendEvents } from '../orders/events';
import { updateToAction } from './charge-queries';
import { insertPayments, updateAuthorized, updateOutcome } from './queries';
import type { ChargeOutcome, NextAction } from './gateway';
import type { NewPayment, PaymentRow } from './types';

export {
  existsCaptured as wasEverPaid,
  selectById as readPayment,
  selectOfOrder as readOrderPayments,
  selectOfOrderForUpdate as lockOrderPayments,
  selectOfUpdate as readPaymentOfUpdate,
  selectView as readPaymentView,
  type AttemptedPayment,
} from './queries';

/** Writes payments that are about to be charged. Their events are the caller's to append. */
export async function createPayments(tx: Transaction, payments: readonly NewPayment[]): Promise<void> {
  if (payments.length > 0) await insertPayments(tx, payments);
}

/** How a charge ended. */
export type FinalOutcome = Exclude<ChargeOutcome, { status: 'unknown' | 'requires_action' }>;

/**
 * Writes how the charge of a payment ended, with an event. What is authorised and not wanted is to be voided. The caller has locked the
 * payment, and seen that it is in flight.
 * Locks the order's row.
 */
export async function settlePayment(
  tx: Transaction,
  { id: paymentId, orderId, amountMinor, currency }: PaymentRow,
  outcome: FinalOutcome,
  { isWanted, marginSeconds }: { isWanted: boolean; marginSeconds: number },
): Promise<void> {
  const { status, gatewayRef } = outcome;
  const declineCode = outcome.status === 'declined' ? outcome.declineCode : null;
  if (outcome.status === 'authorized') {
    const { multicapture, captureBefore } = outcome;
    const becomes = isWanted ? 'authorized' : 'void_planned';
    const authorization = { gatewayRef: outcome.gatewayRef, multicapture, captureBefore, marginSeconds };
    await updateAuthorized(tx, { id: paymentId, status: becomes, ...authorization });
  } else {
    await updateOutcome(tx, { id: paymentId, status: outcome.status, gatewayRef, declineCode });
    if (outcome.status === 'captured') {
      const captured = { sourceId: paymentId, paymentId, amountMinor, isUnwanted: !isWanted };
      await postCapture(tx, { ...captured, effectiveAt: outcome.at ?? null });
    }
  }
  const data =
    outcome.status === 'declined' ? { paymentId, declineCode } : { paymentId, amountMinor, currency };
  await appendEvents(tx, [{ orderId, type: `payment_${status}`, data }]);
}

/**
 * Writes that the customer is to authenticate, the first time with an event; it is waited for until `actionSeconds` have passed. The
 * caller has locked the payment. Locks the order's row.
 */
export async function waitForCustomer(
  tx: Transaction,
  { id: paymentId, orderId }: PaymentRow,
  action: { gatewayRef: string; nextAction: NextAction; actionSeconds: number },
): Promise<void> {
  const changed = await updateToAction(tx, paymentId, action);
  if (changed?.isNew)
    await appendEvents(tx, [{ orderId, type: 'payment_requires_action', data: { paymentId } }]);
}
