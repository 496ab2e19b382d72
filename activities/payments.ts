import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { executeCharge, markUnknown } from '../domain/payments/charge';
import { executeRefunds, type RefundDeps } from '../domain/payments/refund';
import type { ChargeOutcome } from '../domain/payments/types';
import { isAppError } from '../platform/errors';

/** Codes that no retry can mend. Everything else is retried: the gateway or the database will be back. */
const PERMANENT = new Set(['PAYMENT_NOT_FOUND', 'PAYMENT_KEY_REUSED', 'REFUND_EXCEEDS_CAPTURE']);

/** Well within any heartbeat timeout; the SDK sends fewer where that is enough. */
const HEARTBEAT_MS = 1_000;

export interface RefundOrderInput {
  orderId: string;
  reason: string;
}

/**
 * The saga's steps that move money. Each may be repeated at any time: the answer is the same and the money moves once.
 * Failures carry the error's code as their `type`.
 */
export function createPaymentActivities(deps: RefundDeps) {
  return {
    /** Charges a payment, or finds out what became of its charge. A call without an answer fails, to be tried again. */
    chargePayment: (paymentId: string): Promise<ChargeOutcome> =>
      heartbeating(() => executeCharge({ ...deps, paymentId })),

    /** Plans and makes every refund that is due to the order's customer. */
    refundOrder: ({ orderId, reason }: RefundOrderInput): Promise<{ refundedMinor: number }> =>
      heartbeating((beat) => executeRefunds({ ...deps, orderId, reason, onProgress: beat })),

    /** Records that a charge has no final answer yet. Short enough for a local activity. */
    markPaymentUnknown: (paymentId: string): Promise<void> => markUnknown(deps.db, paymentId),
  };
}

/**
 * Runs calls of the gateway while telling the server that this worker lives. A cancelled activity ends at once: its call
 * goes on unheard, and what it did is found under its key.
 */
async function heartbeating<T>(work: (beat: (details: unknown) => void) => Promise<T>): Promise<T> {
  const context = Context.current();
  let latest: unknown;
  const beat = (details: unknown) => {
    latest = details;
    context.heartbeat(latest);
  };
  const timer = setInterval(() => context.heartbeat(latest), HEARTBEAT_MS);
  try {
    return await Promise.race([work(beat), context.cancelled]);
  } catch (error) {
    throw asFailure(error);
  } finally {
    clearInterval(timer);
  }
}

function asFailure(error: unknown): unknown {
  if (!isAppError(error)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: PERMANENT.has(error.code),
    details: [error.details],
    cause: error,
  });
}
