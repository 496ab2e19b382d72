import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import {
  selectCaptureForUpdate,
  selectCaptureView,
  updateCapture,
  updateCaptureDueByHand,
  type CaptureRow,
} from './capture-queries';
import { attentionOnCapture } from './captures';
import { wasAskedRecently } from './asked-recently';
import { captureNotFound } from './errors';
import { settleUncoveredRefunds } from './refunds-by-hand';
import type { RefundSettlement } from './types';
import type { CaptureView } from './view-types';

export interface CaptureByHand {
  captureId: string;
  /** `made_elsewhere`: the customer paid in another way; `waived`: the money is given up. */
  outcome: RefundSettlement;
  /** Where the other payment is found. */
  reference: string | null;
  reason: string;
  actor: string;
  /** The longest that one attempt to ask the gateway takes, by the settings, milliseconds. */
  askLimitMs: number;
}

/**
 * Records what a person did instead of a capture that the gateway does not make: it is asked no more. Where its money is waived, refunds
 * that wait for it have nothing to give back: they end with it. Where it was paid elsewhere they are asked for, and a person is told that the
 * gateway has not got it. The same again changes nothing.
 *
 * @throws `CAPTURE_NOT_FOUND`; `CAPTURE_MADE`: the money was taken; `CAPTURE_SETTLED`: it was settled in another way, or with another
 * reference; `CAPTURE_UNDER_WAY`: it is planned, and the gateway was asked so recently that it may be about to make it
 */
export async function settleCaptureByHand(db: Database, request: CaptureByHand): Promise<CaptureView> {
  const { captureId, outcome, reference, reason, actor, askLimitMs } = request;
  return db.retrying(async (tx) => {
    const capture = await lockCapture(tx, captureId);
    const { status, orderId, paymentId } = capture;
    if (status === 'settled_by_hand') {
      const settled = await viewOf(tx, captureId);
      if (settled.settledAs !== outcome || (settled.settledReference ?? null) !== reference)
        throw captureSettled();
      return settled;
    }
    if (status === 'planned' && wasAskedRecently(capture, askLimitMs)) throw captureUnderWay(askLimitMs);
    await updateCapture(tx, captureId, {
      status: 'settled_by_hand',
      settledAs: outcome,
      settledReference: reference,
      settledBy: actor,
    });
    await resolveAttention(tx, attentionOnCapture(captureId));
    const refunds = await settleUncoveredRefunds(tx, { orderId, paymentId, reason, actor });
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    const data = { captureId, outcome, reference, reason, actor };
    await appendEvents(tx, [{ orderId, type: 'capture_settled', actor, data }, ...refunds]);
    return viewOf(tx, captureId);
  });
}

/**
 * Lets a capture be tried again now: one that the gateway refused for good under a new key, one that waits for its next try at once.
 * One that is due already, or that the gateway was asked about just now, is left as it is.
 *
 * @throws `CAPTURE_NOT_FOUND`; `CAPTURE_MADE`; `CAPTURE_SETTLED`: a person has said what was done instead
 */
export async function retryCapture(
  db: Database,
  { captureId, actor, askLimitMs }: { captureId: string; actor: string; askLimitMs: number },
): Promise<CaptureView> {
  return db.retrying(async (tx) => {
    const capture = await lockCapture(tx, captureId);
    const { status, orderId } = capture;
    if (status === 'settled_by_hand') throw captureSettled();
    if (wasAskedRecently(capture, askLimitMs)) return viewOf(tx, captureId);
    if (status === 'failed') {
      await updateCapture(tx, captureId, { status: 'planned', nextKey: true });
      await resolveAttention(tx, attentionOnCapture(captureId));
    } else if (!(await updateCaptureDueByHand(tx, captureId))) {
      return viewOf(tx, captureId);
    }
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    await appendEvents(tx, [{ orderId, type: 'capture_retried', actor, data: { captureId, actor } }]);
    return viewOf(tx, captureId);
  });
}

function captureUnderWay(askLimitMs: number): AppError {
  return new AppError(
    'CAPTURE_UNDER_WAY',
    `The gateway was asked for this capture within the last ${askLimitMs / 1_000} s and may be about to make it.`,
  );
}

function captureSettled(): AppError {
  return new AppError('CAPTURE_SETTLED', 'Somebody has recorded what was done instead of this capture.');
}

async function lockCapture(tx: Transaction, captureId: string): Promise<CaptureRow> {
  const capture = await selectCaptureForUpdate(tx, captureId);
  if (!capture) throw captureNotFound(captureId);
  if (capture.status === 'succeeded') throw new AppError('CAPTURE_MADE', 'The money was taken.');
  return capture;
}

async function viewOf(tx: Transaction, captureId: string): Promise<CaptureView> {
  const view = await selectCaptureView(tx, captureId);
  if (!view) throw captureNotFound(captureId);
  return view;
}
