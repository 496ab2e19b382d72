import type { Queryable, Transaction } from '../../platform/database/database';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { postCapture } from '../money/posting';
import { raiseAttention, resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import {
  claimCapture,
  insertCaptures,
  selectCaptureForUpdate,
  updateCapture,
  updateCaptureMade,
  type AuthorizedPayment,
  type CaptureRow,
  type ClaimedCapture,
} from './capture-queries';
import { captureNotFound } from './errors';
import { updateLookDue } from './look-up-queries';
import type { RefundDeps } from './refund';
import { shownReason } from './told';
import type { CaptureOutcome, KeySpent } from './gateway';
import { ASK_TIMES, askOnce, DELAYED_AFTER_TRIES, type CallLimits } from './within-limit';

export { selectAuthorizedForUpdate as lockAuthorized, type AuthorizedPayment } from './capture-queries';
export { updateLapseDone as clearLapse, updateToVoidPlanned as planVoids } from './void-queries';

/** So often the gateway may refuse it before a person is told. */
const REFUSALS = 4;
/** What is thrown of a capture that will not be made under this key, however often it is asked for. */
const REFUSED_AS: ReadonlySet<string> = new Set(['PAYMENT_KEY_REUSED', 'AMOUNT_NOT_CHARGEABLE']);

export interface CaptureDeps extends RefundDeps {
  /** No parcel that a payment pays for leaves any more, and each that left has its capture. In one snapshot. */
  isLastParcel(on: Queryable, paymentId: string): Promise<boolean>;
}

/** A capture to plan, minor units. */
export interface CapturePlan {
  paymentId: string;
  /** The parcel that it pays for; null: everything that is not captured. */
  shipmentId: string | null;
  amountMinor: number;
}

/**
 * Plans captures of payments that the caller has locked, as far as money is set aside; a parcel that has one is left out. They are
 * made at the gateway later.
 *
 * @returns their events, which are the caller's to append
 */
export async function planCaptures(
  tx: Transaction,
  orderId: string,
  { payments, plans }: { payments: readonly AuthorizedPayment[]; plans: readonly CapturePlan[] },
): Promise<NewEvent[]> {
  const leftMinor = new Map(
    payments.map((one) => [one.paymentId, one.amountMinor - one.capturePlannedMinor]),
  );
  const captures = plans.map((plan) => {
    const left = leftMinor.get(plan.paymentId) ?? 0;
    const amountMinor = Math.min(plan.amountMinor, left);
    leftMinor.set(plan.paymentId, left - amountMinor);
    return { ...plan, amountMinor, captureId: newId(), orderId };
  });
  if (captures.length === 0) return [];
  const written = new Set(await insertCaptures(tx, captures));
  return captures
    .filter(({ captureId }) => written.has(captureId))
    .map(({ captureId, paymentId, shipmentId, amountMinor }) => ({
      orderId,
      // What costs nothing is not asked for.
      type: amountMinor === 0 ? 'capture_succeeded' : 'capture_started',
      data: { captureId, paymentId, amountMinor, ...(shipmentId === null ? {} : { shipmentId }) },
    }));
}

/**
 * Asks the gateway once to take the money of a planned capture, or what became of it, and records what it says. One that is not
 * planned, or waits for another one of its payment, is left alone. Safe to repeat, also while another call does the same.
 *
 * One that the gateway refuses is tried again under the next number of its key, a few times; then it has failed and needs a person.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function askCapture(
  deps: CaptureDeps,
  captureId: string,
  limits: CallLimits = { briefMs: null },
): Promise<void> {
  const { db } = deps;
  const capture = await db.retrying((tx) => claim(tx, captureId, deps.isLastParcel));
  if (!capture) return;
  const outcome: CallOutcome | null = await askOnce(callGateway(deps, capture), limits);
  if (!outcome) return;
  await db.retrying((tx) => settleCapture(tx, capture, outcome));
}

/** Under the lock of the payment, so that of two captures of it that are claimed at once the second waits for the first. */
async function claim(
  tx: Transaction,
  captureId: string,
  isLastParcel: CaptureDeps['isLastParcel'],
): Promise<ClaimedCapture | undefined> {
  const capture = await selectCaptureForUpdate(tx, captureId);
  if (!capture) return undefined;
  return claimCapture(tx, captureId, {
    times: ASK_TIMES,
    isLastParcel: await isLastParcel(tx, capture.paymentId),
  });
}

type CallOutcome = CaptureOutcome | KeySpent | { status: 'unknown'; reason: string };

async function callGateway({ gatewayNamed, log }: RefundDeps, capture: ClaimedCapture): Promise<CallOutcome> {
  const {
    id: captureId,
    keyNumber,
    paymentId,
    chargeRef,
    amountMinor,
    currency,
    capturedMinor,
    isFinal,
  } = capture;
  try {
    if (chargeRef === null)
      return { status: 'failed', reason: 'The gateway never gave an id for this charge.' };
    return await gatewayNamed(capture.gateway).capture({
      captureId,
      keyNumber,
      paymentId,
      gatewayRef: chargeRef,
      amountMinor,
      currency,
      capturedMinor,
      isFinal,
    });
  } catch (error) {
    log?.warn({ err: error, captureId, gateway: capture.gateway }, 'a capture was not made');
    const isRefused = isAppError(error) && REFUSED_AS.has(error.code);
    return { status: isRefused ? 'failed' : 'unknown', reason: shownReason(error) };
  }
}

/** Locks the payment, the capture, then the order's row. What is said too late changes nothing. */
async function settleCapture(
  tx: Transaction,
  { id: captureId, keyNumber, isFinal }: ClaimedCapture,
  outcome: CallOutcome,
): Promise<void> {
  const capture = await selectCaptureForUpdate(tx, captureId);
  if (!capture) throw captureNotFound(captureId);
  const { orderId, paymentId, amountMinor, status } = capture;
  if (outcome.status === 'succeeded') {
    if (status === 'succeeded') return;
    if (status === 'settled_by_hand') {
      // The call was under way when a person said what was done instead.
      const why = 'the gateway has taken its money';
      await raiseAttention(tx, [{ orderId, kind: 'captured_twice', about: captureId, why }]);
      return;
    }
    // Where the gateway has taken another sum, or has not ended the charge, the void of the rest finds what it took besides.
    const isEnded = outcome.endedMinor === capture.capturedMinor + amountMinor;
    await updateCaptureMade(tx, captureId, { gatewayRef: outcome.gatewayRef, isFinal: isFinal && isEnded });
    const { at: effectiveAt = null } = outcome;
    await postCapture(tx, { sourceId: captureId, paymentId, amountMinor, effectiveAt });
    await resolveAttention(tx, attentionOnCapture(captureId));
    await appendEvents(tx, [
      { orderId, type: 'capture_succeeded', data: { captureId, paymentId, amountMinor } },
    ]);
    return;
  }
  // Another call has asked under a later key, or has settled it.
  if (status !== 'planned' || keyNumber !== capture.keyNumber) return;
  const why = outcome.reason;
  // Not believed either, but looked up.
  if (outcome.status === 'failed' && outcome.isGone) await updateLookDue(tx, paymentId);
  if (outcome.status === 'failed' && keyNumber >= REFUSALS) {
    await updateCapture(tx, captureId, { status: 'failed', lastError: why });
    await resolveAttention(tx, attentionOnCapture(captureId));
    await raiseAttention(tx, [{ orderId, kind: 'capture_failed', about: captureId, why }]);
    const data = { captureId, paymentId, amountMinor, reason: why };
    await appendEvents(tx, [{ orderId, type: 'capture_failed', data }]);
    return;
  }
  await updateCapture(tx, captureId, {
    status: 'planned',
    lastError: why,
    nextKey: outcome.status !== 'unknown',
  });
  await tellOfDelay(tx, capture, why);
}

async function tellOfDelay(tx: Transaction, { id, orderId, tries }: CaptureRow, why: string): Promise<void> {
  if (tries >= DELAYED_AFTER_TRIES)
    await raiseAttention(tx, [{ orderId, kind: 'capture_delayed', about: id, why }]);
}

/** Everything for which a capture may need a person. */
export function attentionOnCapture(captureId: string) {
  return [
    { kind: 'capture_failed' as const, about: captureId },
    { kind: 'capture_delayed' as const, about: captureId },
  ];
}
