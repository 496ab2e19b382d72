import { isAppError } from '../../platform/errors';

/** Errors whose message is written here or by an integration, without words of a driver or of a gateway's client. */
const SHOWN: ReadonlySet<string> = new Set([
  'PAYMENT_GATEWAY_UNAVAILABLE',
  'PAYMENT_GATEWAY_CHANGED',
  'PAYMENT_KEY_REUSED',
  'PAYMENT_NOT_PREPARED',
  'REFUND_FAILED',
  'REFUND_EXCEEDS_CAPTURE',
  'AMOUNT_NOT_CHARGEABLE',
]);

/**
 * Why a call had no outcome, as whoever reads the order may know it: it is stored with the payment or refund and shown. Any
 * error that is not known says only that there was no answer; the caller logs it.
 */
export function shownReason(error: unknown): string {
  return isAppError(error) && SHOWN.has(error.code) ? error.message : 'The payment gateway gave no answer.';
}
