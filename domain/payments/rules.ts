import { PAYMENT_STATUSES_IN_FLIGHT, type PaymentStatus, type RefundablePayment } from './types';

/** Decline code of a charge that was given up before the gateway had made it. */
export const ABANDONED = 'abandoned';

/** True while the gateway has no final outcome. */
export function isInFlight({ status }: { status: PaymentStatus }): boolean {
  return (PAYMENT_STATUSES_IN_FLIGHT as readonly PaymentStatus[]).includes(status);
}

/**
 * What a payment owes to its customer, minor units: what was captured, less what went back or is planned to, less the price
 * of what the customer got or will get for it. Never negative.
 */
export function refundDue(payment: RefundablePayment, keptMinor: number): number {
  return Math.max(0, payment.amountMinor - payment.refundPlannedMinor - keptMinor);
}
