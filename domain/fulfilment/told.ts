import { AppError, isAppError } from '../../platform/errors';

/** Errors whose message is written here or by an integration, without words of a driver or of a carrier's client. */
const SHOWN: ReadonlySet<string> = new Set(['CARRIER_UNAVAILABLE', 'UNKNOWN_CARRIER']);

/**
 * `CARRIER_UNAVAILABLE`: no response, or none that says how it ended.
 *
 * @param why shown to whoever reads the order: never the text of another error, which may hold an address or parts of a key
 */
export function carrierUnavailable(why: string, cause?: unknown): AppError {
  return new AppError('CARRIER_UNAVAILABLE', `The carrier gave no answer: ${why}.`, {}, { cause });
}

/**
 * Why a carrier did not say what becomes of a shipment, as whoever reads the order may know it. Any error that is not known says only
 * that there was no answer; the caller logs it.
 */
export function shownReason(error: unknown): string {
  return isAppError(error) && SHOWN.has(error.code) ? error.message : 'The carrier gave no answer.';
}
