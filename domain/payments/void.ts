import type { Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { postCapture } from '../money/posting';
import { raiseAttention, resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import { planRefunds, lockRefundable, type RefundDeps } from './refund';
import {
  claimVoid,
  claimVoidLook,
  selectSettledVoidForUpdate,
  selectVoidForUpdate,
  updateVoided,
  updateVoidError,
  updateVoidLookFirst,
  type ClaimedVoid,
} from './void-queries';
import { updateLookDone } from './look-up-queries';
import { refundable } from './rules';
import { shownReason } from './told';
import { ASK_TIMES, askOnce, DELAYED_AFTER_TRIES, LOOK_TIMES, LOOKS, type CallLimits } from './within-limit';

type CallOutcome = { status: 'voided'; capturedMinor: number } | { status: 'unknown'; reason: string };

/**
 * Asks the gateway once to void what is not captured of a payment, and records what it says. A payment of which nothing is to be
 * voided is left alone. Safe to repeat, also while another call does the same. What somebody captured at the gateway besides goes
 * back. Without an answer of the gateway it is asked again, also after the authorisation has lapsed, until a person ends it.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function askVoid(
  deps: RefundDeps,
  paymentId: string,
  limits: CallLimits = { briefMs: null },
): Promise<void> {
  const { db } = deps;
  const claimed = await claimVoid(db, paymentId, ASK_TIMES);
  if (!claimed) return;
  const outcome: CallOutcome | null = await askOnce(callGateway(deps, claimed), limits);
  if (!outcome) return;
  await db.retrying((tx) => settleVoid(tx, claimed, outcome));
}

async function callGateway({ gatewayNamed, log }: RefundDeps, payment: ClaimedVoid): Promise<CallOutcome> {
  const { paymentId, gateway, gatewayRef, currency, capturedMinor } = payment;
  if (gatewayRef === null) return { status: 'voided', capturedMinor };
  try {
    return await gatewayNamed(gateway).void({ paymentId, gatewayRef, currency, capturedMinor });
  } catch (error) {
    log?.warn({ err: error, paymentId, gateway }, 'an authorisation was not voided');
    // Also after it lapsed: an error says nothing about what is held, or was captured besides.
    return { status: 'unknown', reason: shownReason(error) };
  }
}

/** Locks the order's payments, in their order, then the order's row. */
async function settleVoid(
  tx: Transaction,
  { paymentId, orderId }: Pick<ClaimedVoid, 'paymentId' | 'orderId'>,
  outcome: CallOutcome,
): Promise<void> {
  await lockRefundable(tx, orderId);
  const payment = await selectVoidForUpdate(tx, paymentId);
  if (!payment) return;
  if (outcome.status === 'unknown') {
    await updateVoidError(tx, paymentId, outcome.reason);
    if (payment.tries >= DELAYED_AFTER_TRIES)
      await raiseAttention(tx, [{ orderId, kind: 'void_delayed', about: paymentId, why: outcome.reason }]);
    return;
  }
  await recordVoided(tx, payment, outcome.capturedMinor);
}

/**
 * Ends a payment of which something is to be voided: a person has seen at the gateway that nothing is held any more. It is looked up a
 * few times afterwards. The caller has locked the order's payments. False: nothing of it is to be voided.
 */
export async function settleVoidByHand(
  tx: Transaction,
  { paymentId, actor }: { paymentId: string; actor: string },
): Promise<boolean> {
  const payment = await selectVoidForUpdate(tx, paymentId);
  if (!payment) return false;
  await recordVoided(tx, payment, payment.capturedMinor, actor);
  await updateVoidLookFirst(tx, paymentId, LOOK_TIMES.firstSeconds);
  return true;
}

/**
 * Asks the gateway once more about an authorisation of which a person said that nothing is held any more: what is held all the same is
 * voided, what was captured besides goes back, and a person is told. Of one that is not due to be looked up nothing happens. Once the
 * gateway has answered, or after a few looks, it is looked up no more.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function lookUpSettledVoid(
  deps: RefundDeps,
  paymentId: string,
  limits: CallLimits,
): Promise<void> {
  const { db } = deps;
  const claimed = await claimVoidLook(db, paymentId, LOOK_TIMES);
  if (!claimed) return;
  const outcome: CallOutcome | null = await askOnce(callGateway(deps, claimed), limits);
  if (outcome) await db.retrying((tx) => recordLook(tx, claimed, outcome));
}

/** Locks the order's payments, in their order, then the order's row. */
async function recordLook(
  tx: Transaction,
  { paymentId, orderId }: ClaimedVoid,
  outcome: CallOutcome,
): Promise<void> {
  await lockRefundable(tx, orderId);
  const payment = await selectSettledVoidForUpdate(tx, paymentId);
  // Another look has ended it.
  if (!payment) return;
  const { tries, capturedMinor } = payment;
  if (outcome.status === 'voided' || tries >= LOOKS) await updateLookDone(tx, paymentId);
  if (outcome.status !== 'voided' || outcome.capturedMinor <= capturedMinor) return;
  const why = `The gateway has captured ${outcome.capturedMinor - capturedMinor} minor units of payment ${paymentId}, after somebody had recorded that nothing of it is held. They go back.`;
  await raiseAttention(tx, [{ orderId, kind: 'captured_twice', about: paymentId, why }]);
  await recordVoided(tx, payment, outcome.capturedMinor);
}

/** @param atGatewayMinor what the gateway has captured of the charge in all, minor units */
async function recordVoided(
  tx: Transaction,
  { paymentId, orderId, amountMinor, capturedMinor }: ClaimedVoid,
  atGatewayMinor: number,
  settledBy: string | null = null,
): Promise<void> {
  const surplusMinor = Math.min(Math.max(0, atGatewayMinor - capturedMinor), amountMinor - capturedMinor);
  const captureId = newId();
  const status = await updateVoided(tx, paymentId, { surplusMinor, captureId, settledBy });
  if (surplusMinor > 0)
    await postCapture(tx, { sourceId: captureId, paymentId, amountMinor: surplusMinor, isUnwanted: true });
  await resolveAttention(tx, [{ kind: 'void_delayed', about: paymentId }]);
  const plan = {
    paymentId,
    amountMinor: surplusMinor,
    origin: { kind: 'payment' as const, id: paymentId },
    reason: 'more was captured at the gateway than was asked for',
    actor: null,
  };
  const payments = await lockRefundable(tx, orderId);
  const refunds = surplusMinor === 0 ? [] : await planRefunds(tx, orderId, { payments, plans: [plan] });
  const own = payments.find((one) => one.paymentId === paymentId);
  if (surplusMinor > (own ? refundable(own, surplusMinor) : 0)) {
    const why = `${surplusMinor} minor units were captured at the gateway besides what was asked for, and not all of that can be planned to go back`;
    await raiseAttention(tx, [{ orderId, kind: 'captured_twice', about: paymentId, why }]);
  }
  const voidedMinor = amountMinor - capturedMinor - surplusMinor;
  await appendEvents(tx, [
    { orderId, type: 'payment_voided', data: { paymentId, voidedMinor, status } },
    ...refunds,
  ]);
}
