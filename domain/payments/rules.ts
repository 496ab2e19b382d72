import {
  PAYMENT_STATUSES_IN_FLIGHT,
  type PaymentStatus,
  type RefundablePayment,
  type RefundOutcome,
  type RefundStatus,
} from './types';

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

/**
 * Whether a refund becomes what is said of it under a number of its key. Two may ask at once, and one of them may record late: a failure under a key that is no longer used says nothing of the refund, nor
 * does the failure of another refund than the one that was made.
 */
export function refundMayBecome(
  refund: { status: RefundStatus; keyNumber: number; gatewayRef: string | null },
  { status, gatewayRef }: RefundOutcome,
  keyNumber: number,
): boolean {
  switch (refund.status) {
    case 'planned':
    case 'pending':
      return status !== 'failed' || keyNumber === refund.keyNumber;
    case 'succeeded':
      return status === 'failed' && gatewayRef === refund.gatewayRef;
    case 'failed':
      return status !== 'failed' && gatewayRef !== refund.gatewayRef;
    case 'settled_by_hand':
      return false;
  }
}
