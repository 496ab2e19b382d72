import { validate } from 'uuid';
import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { attentionDetails, raiseAttention, resolveAttention } from '../orders/attention';
import { lockPayment } from './dispute-queries';
import { recordDispute } from './disputes';
import {
  insertGatewayEvent,
  selectToldPayment,
  selectToldRefund,
  updateChargeDue,
  updateRefundsDue,
  type ToldPayment,
} from './gateway-event-queries';
import { updateRefundLookDue } from './look-up-queries';
import { tellOfSecond } from './made-after-settlement';
import { settleRefund } from './refund';
import { selectRefundForUpdate } from './refund-queries';
import { refundNews } from './rules';
import type { GatewayEvent, GatewayEventResult, GatewayFact, RefundFact } from './gateway-event-types';

/**
 * Applies what a gateway tells by itself, once for each event, in any order, in one transaction. What it says of a charge or an
 * open refund is not believed but looked up: the gateway is to be asked about it now, and the order's saga is woken. A refund that
 * was made and has failed since, and a dispute, are recorded.
 */
export async function applyGatewayEvent(
  db: Database,
  gateway: string,
  event: GatewayEvent,
): Promise<GatewayEventResult> {
  const { fact } = event;
  if (!fact) return 'ignored';
  return db.retrying(async (tx) => {
    const payment = await selectToldPayment(tx, gateway, {
      chargeRef: fact.chargeRef,
      paymentId: uuidOrNull(fact.paymentId),
    });
    if (!payment) return 'unknown';
    const { paymentId, orderId } = payment;
    if (!(await insertGatewayEvent(tx, { ...event, gateway, paymentId }))) return 'duplicate';
    if (!(await applyFact(tx, payment, fact, event.occurredAt))) return 'stale';
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    return 'applied';
  });
}

/** False: nothing changes. */
async function applyFact(
  tx: Transaction,
  payment: ToldPayment,
  fact: GatewayFact,
  occurredAt: Date,
): Promise<boolean> {
  switch (fact.kind) {
    case 'charge':
      return updateChargeDue(tx, payment.paymentId, fact.hasEnded);
    case 'refund':
      return applyRefund(tx, payment, fact);
    case 'refunded_total':
      return applyRefundedTotal(tx, payment, fact.totalMinor);
    case 'dispute':
      return recordDispute(tx, payment, { ...fact, occurredAt });
  }
}

async function applyRefund(tx: Transaction, payment: ToldPayment, fact: RefundFact): Promise<boolean> {
  const { orderId, paymentId } = payment;
  const { gatewayRef, status } = fact;
  await lockPayment(tx, paymentId);
  const told = { gatewayRef, refundId: uuidOrNull(fact.refundId) };
  const refundId = await selectToldRefund(tx, payment, told);
  const refund = refundId === undefined ? undefined : await selectRefundForUpdate(tx, refundId);
  if (!refund) {
    if (status === 'failed') return false;
    const why = `${fact.amountMinor} ${fact.currency} minor units of payment ${paymentId} went back as ${gatewayRef}`;
    const { amountMinor, currency } = fact;
    const details = { paymentId, gatewayRef, amountMinor, currency };
    await raiseAttention(tx, [{ orderId, kind: 'refund_unknown', about: gatewayRef, why, details }]);
    // What was said of the total before it was known which refund it is.
    await resolveAttention(tx, [{ kind: 'refund_unknown', about: paymentId }]);
    return true;
  }
  switch (refundNews(refund, fact)) {
    case 'look':
      return updateRefundsDue(tx, paymentId, refund.id);
    case 'failed_later': {
      const reason = `The gateway says that it failed later: ${fact.reason ?? 'no reason given'}.`;
      await settleRefund(tx, refund.id, { status: 'failed', gatewayRef, reason });
      return true;
    }
    case 'made':
      // Which is looked up: what is told here may be older than what we know.
      await settleRefund(tx, refund.id, { status: 'pending', gatewayRef });
      return updateRefundsDue(tx, paymentId, refund.id);
    case 'made_twice': {
      // A person is told at once; what is recorded is what the gateway says when it is looked up.
      await tellOfSecond(tx, refund, gatewayRef);
      await updateRefundLookDue(tx, refund.id);
      return true;
    }
    case 'nothing':
      return false;
  }
}

/**
 * The gateway does not say which refunds these are: more went back than we have planned. Where it has told of such a refund of this
 * payment, and nobody has dealt with it, that says more.
 */
async function applyRefundedTotal(
  tx: Transaction,
  { orderId, paymentId, refundPlannedMinor }: ToldPayment,
  totalMinor: number,
): Promise<boolean> {
  if (totalMinor <= refundPlannedMinor) return false;
  await lockPayment(tx, paymentId);
  const told = await attentionDetails(tx, orderId, 'refund_unknown');
  if (told.some((details) => details.paymentId === paymentId && details.gatewayRef !== undefined))
    return false;
  const why = `${totalMinor} minor units of it went back in all, and ${refundPlannedMinor} are planned to`;
  await raiseAttention(tx, [{ orderId, kind: 'refund_unknown', about: paymentId, why }]);
  return true;
}

/** What a gateway keeps as our id was written by whoever has access to it. */
function uuidOrNull(text: string | null): string | null {
  return text !== null && validate(text) ? text : null;
}
