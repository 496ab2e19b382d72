import { PAYMENT_STATUSES_IN_FLIGHT, type PaymentStatus, type RefundablePayment } from './types';

/** Decline code of a charge that was given up before the gateway had made it. */
export const ABANDONED = 'abandoned';

/** True while the gateway has no final outcome. */
export function isInFlight({ status }: { status: PaymentStatus }): boolean {
  return (PAYMENT_STATUSES_IN_FLIGHT as readonly PaymentStatus[]).includes(status);
}

/** How much of `wantedMinor` may still be planned to go back of a payment, minor units. */
export function refundable(
  { amountMinor, refundPlannedMinor }: RefundablePayment,
  wantedMinor: number,
): number {
  return Math.max(0, Math.min(wantedMinor, amountMinor - refundPlannedMinor));
}
