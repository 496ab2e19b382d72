import type { Transaction } from '../../platform/database/database';
import { postRefund } from '../money/posting';
import { raiseAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import type { RefundOutcome } from './gateway';
import { updateRefundFound } from './look-up-queries';
import type { RefundRow } from './refund-queries';

/**
 * Records what the gateway says of a refund that a person had settled: a person is told where the gateway has made it, and once it is paid
 * out the payment counts it as refunded; the settlement stays. The refund that the person has named is that very one. Again, it
 * changes nothing. The caller has the locks of the payment and the refund.
 */
export async function recordMadeAfterSettlement(
  tx: Transaction,
  refund: RefundRow,
  { status, gatewayRef }: RefundOutcome,
): Promise<void> {
  if (status === 'failed' || refund.isFound || gatewayRef === refund.settledReference) return;
  await tellOfSecond(tx, refund, gatewayRef);
  if (status !== 'succeeded') return;
  const { id: refundId, orderId, paymentId, amountMinor, settledAs } = refund;
  await updateRefundFound(tx, refundId, gatewayRef);
  await postRefund(tx, refundId);
  const data = { refundId, paymentId, amountMinor, gatewayRef, settledAs };
  await appendEvents(tx, [{ orderId, type: 'refund_found', data }]);
}

/** A person is to see whether the customer got the money twice. */
export async function tellOfSecond(
  tx: Transaction,
  { id: refundId, orderId, amountMinor, currency, settledAs, settledReference }: RefundRow,
  gatewayRef: string,
): Promise<void> {
  const instead = settledAs === 'waived' ? 'that it does not go back' : 'that it went back in another way';
  const where = settledReference === null ? '' : ` (${settledReference})`;
  const why = `The gateway made the refund ${refundId} of ${amountMinor} ${currency} minor units as ${gatewayRef}, after somebody had recorded ${instead}${where}.`;
  const details = { refundId, gatewayRef, amountMinor, currency, settledAs };
  await raiseAttention(tx, [{ orderId, kind: 'refunded_twice', about: refundId, why, details }]);
}
