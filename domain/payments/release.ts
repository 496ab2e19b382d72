import type { Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { raiseAttention, resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import { planRefunds, lockRefundable, type RefundDeps } from './refund';
import {
  claimRelease,
  selectReleaseForUpdate,
  updateReleased,
  updateReleaseError,
  type ClaimedRelease,
} from './release-queries';
import { refundable } from './rules';
import { shownReason } from './told';
import { ASK_TIMES, askOnce, DELAYED_AFTER_TRIES, type CallLimits } from './within-limit';

type CallOutcome = { status: 'released'; capturedMinor: number } | { status: 'unknown'; reason: string };

/**
 * Asks the gateway once to release what is not captured of a payment, and records what it says. A payment of which nothing is to be
 * released is left alone. Safe to repeat, also while another call does the same. What somebody captured at the gateway besides goes
 * back. Without an answer of the gateway it is asked again, also after the authorisation has lapsed, until a person ends it.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function askRelease(
  deps: RefundDeps,
  paymentId: string,
  limits: CallLimits = { briefMs: null },
): Promise<void> {
  const { db } = deps;
  const release = await claimRelease(db, paymentId, ASK_TIMES);
  if (!release) return;
  const outcome: CallOutcome | null = await askOnce(callGateway(deps, release), limits);
  if (!outcome) return;
  await db.retrying((tx) => settleRelease(tx, release, outcome));
}

async function callGateway({ gatewayNamed, log }: RefundDeps, release: ClaimedRelease): Promise<CallOutcome> {
  const { paymentId, gateway, gatewayRef, currency, capturedMinor } = release;
  if (gatewayRef === null) return { status: 'released', capturedMinor };
  try {
    return await gatewayNamed(gateway).release({ paymentId, gatewayRef, currency, capturedMinor });
  } catch (error) {
    log?.warn({ err: error, paymentId, gateway }, 'an authorisation was not released');
    // Also after it lapsed: an error says nothing about what is held, or was captured besides.
    return { status: 'unknown', reason: shownReason(error) };
  }
}

/** Locks the order's payments, in their order, then the order's row. */
async function settleRelease(
  tx: Transaction,
  { paymentId, orderId }: Pick<ClaimedRelease, 'paymentId' | 'orderId'>,
  outcome: CallOutcome,
): Promise<void> {
  await lockRefundable(tx, orderId);
  const payment = await selectReleaseForUpdate(tx, paymentId);
  if (!payment) return;
  if (outcome.status === 'unknown') {
    await updateReleaseError(tx, paymentId, outcome.reason);
    if (payment.tries >= DELAYED_AFTER_TRIES)
      await raiseAttention(tx, [{ orderId, kind: 'void_delayed', about: paymentId, why: outcome.reason }]);
    return;
  }
  await recordReleased(tx, payment, outcome.capturedMinor);
}

/**
 * Ends a payment of which something is to be released: a person has seen at the gateway that nothing is held any more. The caller has
 * locked the order's payments. False: nothing of it is to be released.
 */
export async function settleReleaseByHand(
  tx: Transaction,
  { paymentId, actor }: { paymentId: string; actor: string },
): Promise<boolean> {
  const payment = await selectReleaseForUpdate(tx, paymentId);
  if (!payment) return false;
  await recordReleased(tx, payment, payment.capturedMinor, actor);
  return true;
}

/** @param atGatewayMinor what the gateway has captured of the charge in all, minor units */
async function recordReleased(
  tx: Transaction,
  { paymentId, orderId, amountMinor, capturedMinor }: ClaimedRelease,
  atGatewayMinor: number,
  settledBy: string | null = null,
): Promise<void> {
  const surplusMinor = Math.min(Math.max(0, atGatewayMinor - capturedMinor), amountMinor - capturedMinor);
  const status = await updateReleased(tx, paymentId, { surplusMinor, captureId: newId(), settledBy });
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
  const releasedMinor = amountMinor - capturedMinor - surplusMinor;
  await appendEvents(tx, [
    { orderId, type: 'payment_released', data: { paymentId, releasedMinor, status } },
    ...refunds,
  ]);
}
