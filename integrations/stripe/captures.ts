import Stripe from 'stripe';
import type { Logger } from '../../platform/telemetry/log';
import { amountProblem, isoAmount, stripeAmount } from './amounts';
import { keyOf } from '../numbered-key';
import { asThrown, bookedAt, isRefusal, isStoredFailure, WITH_CHARGE, wordsOf } from './outcome';
import type {
  CaptureOutcome,
  CaptureRequest,
  KeySpent,
  PaymentGateway,
  VoidRequest,
} from '../../domain/payments/gateway';

/**
 * Captures of authorised charges at Stripe, and the void of what is left (https://docs.stripe.com/payments/multicapture). What was
 * taken is read from the intent before anything is asked: Stripe may forget an idempotency key after 24 hours.
 */
export function createCaptures(stripe: Stripe, log: Logger): Pick<PaymentGateway, 'capture' | 'void'> {
  const read = (ref: string) => stripe.paymentIntents.retrieve(ref, WITH_CHARGE);

  /** Whether it ended the intent, and at what sum: money of another capture may have been found as that of this one. */
  async function madeOf(intent: Stripe.PaymentIntent, request: CaptureRequest): Promise<CaptureOutcome> {
    const endedMinor = hasEnded(intent) ? isoAmount(intent.amount_received, request.currency) : null;
    return {
      status: 'succeeded',
      gatewayRef: chargeOf(intent),
      endedMinor,
      ...(await takenAt(intent, request)),
    };
  }

  /** When the money of a capture was taken. It stands also where Stripe cannot say that now. */
  async function takenAt(intent: Stripe.PaymentIntent, request: CaptureRequest): Promise<{ at?: Date }> {
    const { captureId, capturedMinor, amountMinor, currency } = request;
    const charge = intent.latest_charge;
    if (charge === null || typeof charge !== 'object') return {};
    if (capturedMinor === 0 && isoAmount(intent.amount_received, currency) === amountMinor)
      return bookedAt(charge.balance_transaction);
    try {
      // Of one that is captured in parts the charge names one transaction, and has several.
      const booked = await stripe.balanceTransactions.list({ source: charge.id, limit: 100 });
      return bookedAt(bookingOf(booked.data, request));
    } catch (error) {
      log.warn({ err: error, captureId }, 'when a capture was made cannot be read at Stripe');
      return {};
    }
  }

  /** What an intent says of the capture; null: it is not made, and can be. */
  function outcomeIn(
    intent: Stripe.PaymentIntent,
    request: CaptureRequest,
  ): Promise<CaptureOutcome> | CaptureOutcome | null {
    const { amountMinor, capturedMinor, currency } = request;
    if (isoAmount(intent.amount_received, currency) >= capturedMinor + amountMinor)
      return madeOf(intent, request);
    return intent.status === 'requires_capture' ? null : goneOf(intent, currency);
  }

  async function captureOrFind(request: CaptureRequest): Promise<CaptureOutcome | KeySpent> {
    const before = await outcomeIn(await read(request.gatewayRef), request);
    if (before) return before;
    try {
      return await madeOf(await createCapture(stripe, request), request);
    } catch (error) {
      if (!isOver(error)) throw error;
      // Looked at again: another call may have made it meanwhile.
      const since = await outcomeIn(await read(request.gatewayRef), request);
      if (since?.status === 'succeeded') return since;
      const spent = whySpent(error);
      if (spent !== null) return since ?? { status: 'key_spent', reason: spent };
      log.warn({ err: error, captureId: request.captureId }, 'Stripe refused a capture');
      return { status: 'failed', reason: `Stripe refused it: ${wordsOf(error)}.` };
    }
  }

  /** Ends what is left of an intent that is authorised, and any that never came so far. */
  function end(intent: Stripe.PaymentIntent): Promise<Stripe.PaymentIntent> {
    // One that is captured in part is not cancelled: a last capture of nothing releases the rest.
    return intent.status === 'requires_capture' && intent.amount_received > 0
      ? stripe.paymentIntents.capture(intent.id, { amount_to_capture: 0, final_capture: true })
      : stripe.paymentIntents.cancel(intent.id);
  }

  async function voidOrFind({ gatewayRef }: VoidRequest): Promise<Stripe.PaymentIntent> {
    const intent = await read(gatewayRef);
    if (hasEnded(intent)) return intent;
    try {
      return await end(intent);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const since = await read(gatewayRef);
      if (hasEnded(since)) return since;
      throw error;
    }
  }

  return {
    async capture(request) {
      const why = amountProblem(request.amountMinor, request.currency);
      if (why !== null) return { status: 'failed', reason: why };
      try {
        return await captureOrFind(request);
      } catch (error) {
        throw asThrown(error, request.captureId);
      }
    },

    async void(request) {
      try {
        const { amount_received: received } = await voidOrFind(request);
        return { status: 'voided', capturedMinor: isoAmount(received, request.currency) };
      } catch (error) {
        throw asThrown(error, request.paymentId);
      }
    },
  };
}

/** A capture that cannot be made any more, since the intent has ended. */
function goneOf(intent: Stripe.PaymentIntent, currency: string): CaptureOutcome {
  const why = intent.cancellation_reason === null ? '' : ` (${intent.cancellation_reason})`;
  const received = `${isoAmount(intent.amount_received, currency)} ${currency} minor units are captured`;
  return {
    status: 'failed',
    reason: `Stripe says that the charge is ${intent.status}${why}: ${received}, and nothing more can be.`,
    isGone: true,
  };
}

/**
 * The transaction with which what was captured of a charge comes to the sum that a capture makes of it. Undefined: it is not booked yet, in
 * another currency, as an account has that keeps its balance in one, or by other amounts.
 */
function bookingOf(
  booked: readonly Stripe.BalanceTransaction[],
  { capturedMinor, amountMinor, currency }: CaptureRequest,
): Stripe.BalanceTransaction | undefined {
  let sum = 0;
  return booked
    .filter((one) => one.reporting_category === 'charge' && one.currency === currency.toLowerCase())
    .sort((a, b) => a.created - b.created)
    .find((one) => (sum += isoAmount(one.amount, currency)) === capturedMinor + amountMinor);
}

/** Whatever it was, it is not under way at Stripe any more. */
function isOver(error: unknown): error is Stripe.errors.StripeError {
  if (error instanceof Stripe.errors.StripeIdempotencyError) return error.statusCode !== 409;
  return error instanceof Stripe.errors.StripeCardError || isRefusal(error) || isStoredFailure(error);
}

/** Why the key makes no capture any more, though another may; null: Stripe does not want this capture. */
function whySpent(error: Stripe.errors.StripeError): string | null {
  if (error instanceof Stripe.errors.StripeIdempotencyError)
    return 'Stripe knows the key for another request, which made no capture';
  return isStoredFailure(error) ? `Stripe has stored a failure: ${wordsOf(error)}` : null;
}

function hasEnded({ status }: Stripe.PaymentIntent): boolean {
  return status === 'succeeded' || status === 'canceled';
}

function chargeOf({ latest_charge: charge }: Stripe.PaymentIntent): string | null {
  return typeof charge === 'string' ? charge : (charge?.id ?? null);
}

/** @throws AMOUNT_NOT_CHARGEABLE */
function createCapture(stripe: Stripe, request: CaptureRequest): Promise<Stripe.PaymentIntent> {
  const { captureId, keyNumber, gatewayRef, amountMinor, currency, isFinal } = request;
  return stripe.paymentIntents.capture(
    gatewayRef,
    {
      amount_to_capture: stripeAmount(amountMinor, currency),
      // Only where it can be captured in parts may it be named.
      ...(isFinal ? {} : { final_capture: false }),
      ...WITH_CHARGE,
    },
    { idempotencyKey: keyOf(captureId, keyNumber) },
  );
}
