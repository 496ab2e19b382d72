import type { Transaction } from '../../platform/database/database';
import { isAppError } from '../../platform/errors';
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
import { LATE, withinLimit, type CallLimits } from './within-limit';

const TIMES = { firstSeconds: 0.5, longestSeconds: 3_600 };
/** After so many tries a person is told: by then it has failed for about half a minute. */
const DELAYED_AFTER_TRIES = 6;

type CallOutcome = { status: 'released'; capturedMinor: number } | { status: 'unknown'; reason: string };

/**
 * Asks the gateway once to release what is not captured of a payment, and records what it says. A payment of which nothing is to be
 * released is left alone. Safe to repeat, also while another call does the same. What the gateway has dropped by itself meanwhile
 * is released, also when it does not respond. What somebody captured at the gateway besides goes back.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function askRelease(
  deps: RefundDeps,
  paymentId: string,
  limits: CallLimits = { briefMs: null },
): Promise<void> {
  const { db } = deps;
  const release = await claimRelease(db, paymentId, TIMES);
  if (!release) return;
  const inTime = await withinLimit(callGateway(deps, release), limits);
  if (inTime === 'late' && limits.briefMs !== null) return;
  const outcome: CallOutcome = inTime === 'late' ? { status: 'unknown', reason: LATE } : inTime;
  await db.retrying((tx) => settleRelease(tx, release, outcome));
}

async function callGateway({ gatewayNamed, log }: RefundDeps, release: ClaimedRelease): Promise<CallOutcome> {
  const { paymentId, gateway, gatewayRef, currency, capturedMinor } = release;
  if (gatewayRef === null) return { status: 'released', capturedMinor };
  try {
    return await gatewayNamed(gateway).release({ paymentId, gatewayRef, currency, capturedMinor });
  } catch (error) {
    log?.warn({ err: error, paymentId, gateway }, 'an authorisation was not released');
    const isGone = release.hasLapsed && !isAppError(error, 'PAYMENT_GATEWAY_CHANGED');
    return isGone ? { status: 'released', capturedMinor } : { status: 'unknown', reason: shownReason(error) };
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
  const { amountMinor, capturedMinor, tries } = payment;
  if (outcome.status === 'unknown') {
    await updateReleaseError(tx, paymentId, outcome.reason);
    if (tries >= DELAYED_AFTER_TRIES)
      await raiseAttention(tx, [{ orderId, kind: 'void_delayed', about: paymentId, why: outcome.reason }]);
    return;
  }
  const surplusMinor = Math.min(
    Math.max(0, outcome.capturedMinor - capturedMinor),
    amountMinor - capturedMinor,
  );
  const status = await updateReleased(tx, paymentId, { surplusMinor, captureId: newId() });
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
