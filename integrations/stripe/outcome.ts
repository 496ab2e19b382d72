import Stripe from 'stripe';
import { gatewayUnavailable, keyReused } from '../../domain/payments/errors';
import { ABANDONED } from '../../domain/payments/rules';
import type { ChargeOutcome } from '../../domain/payments/gateway';

type Declined = Extract<ChargeOutcome, { status: 'declined' }>;

/** What is read with an intent, so that it can be told when it was captured, or how long, and how often, it can be. */
export const WITH_CHARGE = { expand: ['latest_charge.balance_transaction'] };

/** When money moved, by what was read with it. Nothing: Stripe has not booked it yet, or it was not read. */
export function bookedAt(transaction: string | Stripe.BalanceTransaction | null | undefined): { at?: Date } {
  if (transaction === null || typeof transaction !== 'object') return {};
  return { at: new Date(transaction.created * 1_000) };
}

/**
 * What a PaymentIntent's status says of the charge; null: it was never confirmed, so nothing can have been captured.
 * An intent that was declined goes back to `requires_payment_method`. We give every intent one payment method and confirm
 * it without naming another, so from there it cannot be captured any more.
 */
export function intentOutcome(intent: Stripe.PaymentIntent): ChargeOutcome | null {
  const { id, last_payment_error: error } = intent;
  switch (intent.status) {
    case 'succeeded':
      return { status: 'captured', gatewayRef: id, ...capturedAt(intent) };
    case 'requires_capture':
      return { status: 'authorized', gatewayRef: id, ...authorizationOf(intent) };
    case 'canceled':
      return declinedAs(id, error?.decline_code ?? error?.code ?? whyCanceled(intent));
    case 'requires_payment_method':
      return declinedAs(id, error?.decline_code ?? error?.code ?? 'payment_method_required');
    case 'requires_confirmation':
      return null;
    default:
      // processing, or a status that Stripe adds one day: it may still come to a capture.
      return { status: 'unknown' };
  }
}

/** Of one that is captured apart a charge may have several transactions, and names one. */
function capturedAt({ capture_method: method, latest_charge: charge }: Stripe.PaymentIntent): { at?: Date } {
  if (method === 'manual' || charge === null || typeof charge !== 'object') return {};
  return bookedAt(charge.balance_transaction);
}

/** Of a charge that was not read with its intent nothing is known: it is captured in one, and its time is watched by nobody. */
function authorizationOf({ latest_charge: charge }: Stripe.PaymentIntent) {
  const card = charge !== null && typeof charge === 'object' ? charge.payment_method_details?.card : null;
  const before = card?.capture_before;
  return {
    multicapture: card?.multicapture?.status === 'available',
    captureBefore: before === undefined ? null : new Date(before * 1_000),
  };
}

function whyCanceled({ cancellation_reason: reason }: Stripe.PaymentIntent): string {
  return reason === 'abandoned' ? ABANDONED : 'canceled';
}

/** A refused card as its outcome; undefined when `error` is something else. */
export function cardDecline(error: unknown, gatewayRef: string | null): Declined | undefined {
  if (!(error instanceof Stripe.errors.StripeCardError)) return undefined;
  return declinedAs(gatewayRef, codeOf(error) ?? 'card_declined');
}

/** A request that Stripe will never take (unknown payment method, amount too small): it has moved no money. */
export function isRefusal(error: unknown): error is Stripe.errors.StripeInvalidRequestError {
  return error instanceof Stripe.errors.StripeInvalidRequestError;
}

/**
 * A failure inside Stripe that it has stored under the idempotency key, and returns for that key for a day. The request that met it
 * is over: it does nothing any more.
 */
export function isStoredFailure(error: unknown): error is Stripe.errors.StripeError {
  return (
    error instanceof Stripe.errors.StripeError &&
    (error.statusCode ?? 0) >= 500 &&
    error.headers?.['idempotent-replayed'] === 'true'
  );
}

/**
 * What may be shown of an error of Stripe's: its codes, and the id by which Stripe finds the request. Not its message, which may
 * quote what was sent, as parts of a key.
 */
export function wordsOf(error: Stripe.errors.StripeError): string {
  const code = codeOf(error) ?? error.type;
  return error.requestId ? `${code} (request ${error.requestId})` : code;
}

/** The issuer's own code is there only when the issuer refused; the SDK gives an empty one otherwise. */
function codeOf({ decline_code: ofIssuer, code }: Stripe.errors.StripeError): string | undefined {
  return [ofIssuer, code].find((one) => one !== undefined && one !== '');
}

export function declinedAs(gatewayRef: string | null, declineCode: string): Declined {
  return { status: 'declined', gatewayRef, declineCode };
}

/**
 * What is left: a known key with another body, or no usable response (connection, timeout, 5xx, rate limit, a wrong key).
 * Neither says whether money moved.
 */
export function asThrown(error: unknown, key: string): unknown {
  if (error instanceof Stripe.errors.StripeIdempotencyError) return keyReused(key, error);
  if (error instanceof Stripe.errors.StripeError)
    return gatewayUnavailable(`Stripe: ${wordsOf(error)}`, error);
  return error;
}
