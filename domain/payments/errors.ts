import { AppError } from '../../platform/errors';

/**
 * `PAYMENT_GATEWAY_UNAVAILABLE`: no response, or none that says how it ended. The same request may be sent again.
 *
 * @param why shown to whoever reads the order: never the text of another error, which may hold an address or parts of a key
 */
export function gatewayUnavailable(why: string | null, cause?: unknown): AppError {
  const detail = why === null ? '.' : `: ${why}`;
  return new AppError(
    'PAYMENT_GATEWAY_UNAVAILABLE',
    `The payment gateway gave no answer${detail}`,
    {},
    { cause },
  );
}

/** `PAYMENT_KEY_REUSED`: the gateway knows this idempotency key for another request. Sending it again cannot help. */
export function keyReused(key: string, cause?: unknown): AppError {
  return new AppError(
    'PAYMENT_KEY_REUSED',
    'The payment gateway has seen this idempotency key with another request.',
    { key },
    { cause },
  );
}

/** `PAYMENT_NOT_FOUND`: there is no such payment. */
export function paymentNotFound(paymentId: string): AppError {
  return new AppError('PAYMENT_NOT_FOUND', 'There is no such payment.', { paymentId });
}

/** `VALIDATION_FAILED` of a request's `paymentId`: the order has no such payment. */
export function unknownPaymentOfOrder(): AppError {
  const message = 'the order has no such payment';
  return new AppError('VALIDATION_FAILED', `paymentId: ${message}`, {
    errors: [{ path: 'paymentId', message }],
  });
}

/** `REFUND_NOT_FOUND`: there is no such refund. */
export function refundNotFound(refundId: string): AppError {
  return new AppError('REFUND_NOT_FOUND', 'There is no such refund.', { refundId });
}

/** `CAPTURE_NOT_FOUND`: there is no such capture. */
export function captureNotFound(captureId: string): AppError {
  return new AppError('CAPTURE_NOT_FOUND', 'There is no such capture.', { captureId });
}

/** `PAYMENT_GATEWAY_CHANGED`: the gateway of this payment is not set up. Set its credentials, and it is asked again. */
export function gatewayChanged(name: string): AppError {
  return new AppError('PAYMENT_GATEWAY_CHANGED', `The gateway "${name}" is not set up.`, { gateway: name });
}

/** `REFUND_FAILED`: the gateway refused it for good. A person has to look. `why` is shown, as above. */
export function refundFailed(why: string, cause?: unknown): AppError {
  return new AppError('REFUND_FAILED', `The payment gateway refused the refund: ${why}`, {}, { cause });
}

/** `REFUND_EXCEEDS_CAPTURE`: more would go back than came in. */
export function refundExceedsCapture(): AppError {
  return new AppError('REFUND_EXCEEDS_CAPTURE', 'A refund may not exceed what was captured.');
}
