import { executeCharge } from '../domain/payments/charge';
import { refundOrder } from '../domain/ordering/refund';
import type { RefundDeps } from '../domain/payments/refund';
import type { ChargeOutcome } from '../domain/payments/types';
import { withFailures } from './failure';
import { heartbeating } from './heartbeat';

/** Codes for which a retry cannot help. Every other error is retried. */
const PERMANENT = new Set(['PAYMENT_NOT_FOUND', 'PAYMENT_KEY_REUSED', 'REFUND_EXCEEDS_CAPTURE']);

/**
 * The saga's steps that move money. Each may be repeated at any time: the result is the same and the money moves once.
 * Failures carry the error's code as their `type`.
 */
export interface PaymentActivities {
  /** Charges a payment, or finds out what became of its charge. A call without a response fails, and is retried. */
  chargePayment(paymentId: string): Promise<ChargeOutcome>;
  /** Plans and makes every refund that is due to the order's customer; returns all that has gone back by then. */
  refundOrder(request: { orderId: string; reason: string }): Promise<{ refundedMinor: number }>;
}

export function createPaymentActivities(deps: RefundDeps): PaymentActivities {
  return withFailures<PaymentActivities>(
    {
      chargePayment: (paymentId) => heartbeating(() => executeCharge({ ...deps, paymentId })),
      refundOrder: (request) =>
        heartbeating((beat) => refundOrder({ ...deps, ...request, onProgress: beat })),
    },
    PERMANENT,
  );
}
