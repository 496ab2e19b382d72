import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import type { Logger } from '../../platform/telemetry/log';
import { postRefund, postRefundFailed } from '../money/posting';
import { attentionDetails, raiseAttention, resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import { refundNotFound } from './errors';
import { selectDisputedMoney } from './dispute-queries';
import {
  claimRefund,
  insertRefunds,
  selectRefundForUpdate,
  updateRefund,
  updateRefundError,
  updateRefundHeldBack,
  type ClaimedRefund,
  type RefundRow,
} from './refund-queries';
import { recordMadeAfterSettlement } from './made-after-settlement';
import { disputeBarrier, refundable, refundMayBecome } from './rules';
import { shownReason } from './told';
import type { GatewayNamed, KeySpent, RefundOutcome, RefundRequest } from './gateway';
import type { RefundablePayment, RefundPlan } from './types';
import { ASK_TIMES, askOnce, DELAYED_AFTER_TRIES, type CallLimits } from './within-limit';

export { selectRefundableForUpdate as lockRefundable, lockRefundableOfOrders } from './refund-queries';

/** A refund that the gateway does not have is tried again up to once an hour; one that it has is looked at up to four times a day. */
const TIMES = {
  planned: ASK_TIMES,
  pending: { firstSeconds: 60, longestSeconds: 21_600 },
};
/** One that a dispute stands in the way of is due when the dispute closes; it is looked at meanwhile as well. */
const HELD_BACK_SECONDS = TIMES.pending.longestSeconds;

/** What the gateway says of a refund that it will not make under this key, however often it is asked. */
const REFUSALS: ReadonlySet<string> = new Set([
  'REFUND_FAILED',
  'REFUND_EXCEEDS_CAPTURE',
  'PAYMENT_KEY_REUSED',
  'AMOUNT_NOT_CHARGEABLE',
]);

/**
 * Plans refunds of payments that the caller has locked: sets the amounts aside, as far as there is money left, and leaves out
 * an origin that has its refund of the payment. They are made at the gateway later.
 *
 * @returns their events, which are the caller's to append
 */
export async function planRefunds(
  tx: Transaction,
  orderId: string,
  { payments, plans }: { payments: readonly RefundablePayment[]; plans: readonly RefundPlan[] },
): Promise<NewEvent[]> {
  const left = new Map(payments.map((payment) => [payment.paymentId, { ...payment }]));
  const refunds = plans.flatMap((plan) => {
    const payment = left.get(plan.paymentId);
    const amountMinor = payment ? refundable(payment, plan.amountMinor) : 0;
    if (!payment || amountMinor === 0) return [];
    payment.refundPlannedMinor += amountMinor;
    return [{ ...plan, amountMinor, refundId: newId(), orderId }];
  });
  if (refunds.length === 0) return [];
  const written = new Set(await insertRefunds(tx, refunds));
  return refunds
    .filter(({ refundId }) => written.has(refundId))
    .map(({ refundId, paymentId, amountMinor, reason, actor }) => ({
      orderId,
      type: 'refund_started',
      actor: actor ?? undefined,
      data: { refundId, paymentId, amountMinor, reason, ...(actor === null ? {} : { actor }) },
    }));
}

export interface RefundDeps {
  db: Database;
  gatewayNamed: GatewayNamed;
  /** For what is not shown of a call that failed. */
  log?: Pick<Logger, 'warn'>;
}

/**
 * Asks the gateway once to make an open refund, or what became of it, and records what it says: only when the gateway has paid
 * out does the payment show the money as refunded. A refund that is not open is left alone. Safe to repeat, also while another call
 * does the same.
 *
 * A refund that the gateway refuses for good ends as `failed` and needs a person. One that it does not respond to is due again later;
 * one whose key it has spent as well, under the next number of its key. While its payment is disputed the gateway is not asked to make
 * it; what a lost dispute has taken is not given back again. Where the gateway may have made such a refund, since it was asked before without
 * an outcome, a person is to look there.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 * @returns false: it is not open
 */
export async function askRefund(
  deps: RefundDeps,
  refundId: string,
  limits: CallLimits = { briefMs: null },
): Promise<boolean> {
  const { db } = deps;
  const refund = await claimRefund(db, refundId, TIMES);
  if (!refund) return false;
  if (refund.isDisputed && (await db.retrying((tx) => holdBack(tx, refund)))) return true;
  const outcome: CallOutcome | null = await askOnce(callGateway(deps, refund), limits);
  if (!outcome) return true;
  await db.retrying((tx) =>
    outcome.status === 'unknown' || outcome.status === 'key_spent'
      ? recordDelay(tx, refund, outcome)
      : settleRefund(tx, refundId, outcome, refund.keyNumber),
  );
  return true;
}

/**
 * Puts off, or ends, a refund that the gateway does not have and that a dispute of its payment stands in the way of. False: none
 * does. Under the lock of the payment, as disputes are recorded, so that none closes unseen.
 */
async function holdBack(tx: Transaction, { id: refundId, askedBefore }: ClaimedRefund): Promise<boolean> {
  const refund = await selectRefundForUpdate(tx, refundId);
  if (refund?.status !== 'planned') return false;
  const barrier = disputeBarrier(refund, await selectDisputedMoney(tx, refund.paymentId, refundId));
  switch (barrier.is) {
    case 'none':
      return false;
    case 'frozen': {
      const why = `The charge is disputed (${barrier.gatewayRef}): nothing of it is refunded before that is decided.`;
      await updateRefundHeldBack(tx, refundId, { why, seconds: HELD_BACK_SECONDS, askedBefore });
      return true;
    }
    case 'gone': {
      // Its next try would have another key: the gateway might make it twice.
      if (refund.tries > 1 && askedBefore !== null) {
        const why = `The customer has the money back by the dispute ${barrier.gatewayRef}, which was lost, and the gateway may have made this refund as well.`;
        await updateRefundHeldBack(tx, refundId, { why, seconds: HELD_BACK_SECONDS, askedBefore });
        const { orderId } = refund;
        await raiseAttention(tx, [{ orderId, kind: 'refund_delayed', about: refundId, why, details: {} }]);
        return true;
      }
      const reason = `The customer has the money back by the dispute ${barrier.gatewayRef}, which was lost.`;
      await settleRefund(tx, refundId, { status: 'failed', gatewayRef: null, reason });
      return true;
    }
  }
}

type NoOutcome =
  /** `isNotSetUp`: there is no such gateway any more, so nothing was asked. */
  { status: 'unknown'; reason: string; isNotSetUp?: boolean } | KeySpent;
type CallOutcome = RefundOutcome | NoOutcome;

async function callGateway({ gatewayNamed, log }: RefundDeps, refund: RefundRow): Promise<CallOutcome> {
  try {
    if (!refund.chargeRef)
      return { status: 'failed', gatewayRef: null, reason: 'The gateway never gave an id for this charge.' };
    return await gatewayNamed(refund.gateway).refund(asRequest(refund, refund.chargeRef));
  } catch (error) {
    log?.warn({ err: error, refundId: refund.id, gateway: refund.gateway }, 'a refund was not made');
    const reason = shownReason(error);
    const isRefused = isAppError(error) && REFUSALS.has(error.code);
    return isRefused
      ? { status: 'failed', gatewayRef: null, reason }
      : { status: 'unknown', reason, isNotSetUp: isAppError(error, 'PAYMENT_GATEWAY_CHANGED') };
  }
}

/** @param gatewayRef of the charge */
export function asRequest(refund: RefundRow, gatewayRef: string): RefundRequest {
  const { id: refundId, keyNumber, paymentId, amountMinor, currency, reason } = refund;
  return { refundId, keyNumber, paymentId, gatewayRef, amountMinor, currency, reason };
}

/**
 * Writes what became of a refund, with an event where it changes. One that succeeded may fail later: the customer's bank sends it
 * back. What a person has settled stays, and what is said too late changes nothing. Locks the payment, the refund, then the order's
 * row.
 *
 * @param keyNumber under which it was asked for; absent: the gateway tells it by itself
 */
export async function settleRefund(
  tx: Transaction,
  refundId: string,
  outcome: RefundOutcome,
  keyNumber?: number,
): Promise<void> {
  const refund = await selectRefundForUpdate(tx, refundId);
  if (!refund) throw refundNotFound(refundId);
  const { gatewayRef, status } = outcome;
  const { orderId, paymentId, amountMinor } = refund;
  if (refund.status === 'settled_by_hand') {
    // The call was under way when a person said what was done instead.
    await recordMadeAfterSettlement(tx, refund, outcome);
    return;
  }
  if (!refundMayBecome(refund, outcome, keyNumber ?? refund.keyNumber)) return;
  const reason = outcome.status === 'failed' ? outcome.reason : null;
  await updateRefund(tx, refundId, { status, gatewayRef, lastError: reason });
  if (refund.status !== status) {
    if (outcome.status === 'succeeded') await postRefund(tx, refundId, outcome.at);
    if (refund.status === 'succeeded') await postRefundFailed(tx, refundId);
  }
  await resolveAttention(tx, attentionOn(refundId));
  if (reason !== null)
    await raiseAttention(tx, [{ orderId, kind: 'refund_failed', about: refundId, why: reason }]);
  if (refund.status === status) return;
  const data = { refundId, paymentId, amountMinor, ...(reason === null ? {} : { reason }) };
  await appendEvents(tx, [{ orderId, type: `refund_${status}`, data }]);
}

/** Everything for which a refund may need a person. */
export function attentionOn(refundId: string) {
  return [
    { kind: 'refund_failed' as const, about: refundId },
    { kind: 'refund_delayed' as const, about: refundId },
  ];
}

/** Whether a person was told that the gateway of this refund is not set up any more: nobody there can be asked about it. */
export async function isOutOfReach(on: Queryable, orderId: string, refundId: string): Promise<boolean> {
  const delayed = await attentionDetails(on, orderId, 'refund_delayed');
  return delayed.some(({ about, isNotSetUp }) => about === refundId && isNotSetUp === true);
}

async function recordDelay(
  tx: Transaction,
  { id: refundId, orderId, status, tries, keyNumber }: RefundRow,
  outcome: NoOutcome,
): Promise<void> {
  const { reason: why } = outcome;
  const spentKeyNumber = outcome.status === 'key_spent' ? keyNumber : null;
  const isNotSetUp = outcome.status === 'unknown' && outcome.isNotSetUp === true;
  const isOpen = (await updateRefundError(tx, refundId, { why, spentKeyNumber })) > 0;
  // One that the gateway has is looked at seldom, and its looks count as tries: it needs a person only where it cannot be looked at.
  if (isOpen && (status === 'planned' || isNotSetUp) && tries >= DELAYED_AFTER_TRIES) {
    const details = isNotSetUp ? { isNotSetUp } : {};
    await raiseAttention(tx, [{ orderId, kind: 'refund_delayed', about: refundId, why, details }]);
  }
}
