import type { ChargeOutcome, RefundOutcome } from './gateway';
import {
  FREEZING_DISPUTE_STATUSES,
  PAYMENT_STATUSES_IN_FLIGHT,
  type DisputeStatus,
  type PaymentStatus,
  type RefundablePayment,
  type RefundStatus,
} from './types';

/** Decline code of a charge that was given up before the gateway had made it. */
export const ABANDONED = 'abandoned';

/** Decline code of a charge of which a person found out that it was not made. */
export const NOT_CAPTURED = 'settled_by_hand';

/** True while the gateway has no final outcome. */
export function isInFlight({ status }: { status: PaymentStatus }): boolean {
  return (PAYMENT_STATUSES_IN_FLIGHT as readonly PaymentStatus[]).includes(status);
}

/** How much of `wantedMinor` may still be planned to go back of a payment, minor units. */
export function refundable(
  { capturedMinor, refundPlannedMinor }: Pick<RefundablePayment, 'capturedMinor' | 'refundPlannedMinor'>,
  wantedMinor: number,
): number {
  return Math.max(0, Math.min(wantedMinor, capturedMinor - refundPlannedMinor));
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

/** What the gateway's word about the charge of an authorised payment means for it. */
export type AuthorizationNews =
  /** It is kept there. */
  | 'held'
  /** Nothing more of it can be captured, and something was to be. */
  | 'lost'
  /** Nothing more is to be taken of it, so that does not matter. */
  | 'over'
  /** It is looked up again. */
  | 'undecided';

/**
 * Whether an authorisation is lost. A charge of which nothing more can be captured may have been ended by our own last capture, as long as
 * that is under way. Null: the gateway does not know the charge, which says nothing of its money.
 */
export function authorizationNews(
  payment: Pick<CapturedInParts, 'isWhole' | 'unfinished'> &
    Pick<PaidUnits, 'isOpen'> & { isLost: boolean; isEnding: boolean },
  outcome: { status: ChargeOutcome['status'] } | null,
): AuthorizationNews {
  const { isLost, isEnding, isWhole, isOpen, unfinished } = payment;
  if (isLost || (unfinished === 0 && (isWhole || !isOpen))) return 'over';
  switch (outcome?.status) {
    case 'authorized':
      return 'held';
    case 'declined':
      return 'lost';
    case 'captured':
      return isEnding ? 'undecided' : 'lost';
    default:
      return 'undecided';
  }
}

/** What a gateway tells of a refund by itself means for it. */
export type RefundNews =
  /** It is open: the gateway is asked. */
  | 'look'
  /** It had succeeded, and the customer's bank sent it back. */
  | 'failed_later'
  /** It counts as failed, and the gateway has made one. */
  | 'made'
  /** A person has settled it otherwise, and the gateway has made one. */
  | 'made_twice'
  | 'nothing';

/** What it means for a refund that a gateway tells of it, perhaps late: only what cannot be older than what is known changes it. */
export function refundNews(
  refund: { status: RefundStatus; gatewayRef: string | null; settledReference: string | null },
  { status, gatewayRef }: { status: 'pending' | 'succeeded' | 'failed'; gatewayRef: string },
): RefundNews {
  const isKnown = gatewayRef === refund.gatewayRef || gatewayRef === refund.settledReference;
  switch (refund.status) {
    case 'planned':
    case 'pending':
      return 'look';
    case 'succeeded':
      return status === 'failed' && isKnown ? 'failed_later' : 'nothing';
    case 'failed':
      return status !== 'failed' && !isKnown ? 'made' : 'nothing';
    case 'settled_by_hand':
      return status !== 'failed' && !isKnown ? 'made_twice' : 'nothing';
  }
}

/** Of statements that a gateway made within the same second the one that is further on counts. */
const FURTHER: Readonly<Record<DisputeStatus, number>> = {
  inquiry: 0,
  needs_response: 1,
  under_review: 2,
  closed: 3,
  lost: 4,
  won: 5,
};

/** Whether a dispute becomes what a gateway says of it, perhaps late. */
export function disputeMoves(
  known: { status: DisputeStatus; occurredMs: number },
  told: { status: DisputeStatus; occurredMs: number },
): boolean {
  return told.occurredMs === known.occurredMs
    ? FURTHER[told.status] > FURTHER[known.status]
    : told.occurredMs > known.occurredMs;
}

/** What disputes of a payment mean for a refund of it that the gateway does not have. */
export type DisputeBarrier = { is: 'none' } | { is: 'frozen' | 'gone'; gatewayRef: string };

/**
 * Whether disputes of a payment stand in the way of a refund of it: while one is open the customer may get the money by it, and
 * what a lost one has taken is with the customer already. Amounts in minor units; a lost dispute in another currency counts as all
 * of the payment.
 */
export function disputeBarrier(
  refund: { amountMinor: number; currency: string },
  disputes: readonly {
    gatewayRef: string;
    status: DisputeStatus;
    amountMinor: number;
    currency: string;
    capturedMinor: number;
    refundedMinor: number;
  }[],
): DisputeBarrier {
  const open = disputes.find(({ status }) =>
    (FREEZING_DISPUTE_STATUSES as readonly DisputeStatus[]).includes(status),
  );
  if (open) return { is: 'frozen', gatewayRef: open.gatewayRef };
  const lost = disputes.filter(({ status }) => status === 'lost');
  const [first] = lost;
  if (!first) return { is: 'none' };
  const lostMinor = lost
    .map((one) => (one.currency === refund.currency ? one.amountMinor : one.capturedMinor))
    .reduce((sum, amount) => sum + amount, 0);
  const leftMinor = first.capturedMinor - first.refundedMinor - lostMinor;
  return refund.amountMinor <= leftMinor ? { is: 'none' } : { is: 'gone', gatewayRef: first.gatewayRef };
}

/** An authorised payment as what is captured of it is decided. */
export interface CapturedInParts {
  multicapture: boolean;
  /** One capture takes all of it. */
  isWhole: boolean;
  /** Parcels that have their capture. */
  shipmentIds: readonly string[];
  /** Captures that are planned, or that failed and wait for a person. */
  unfinished: number;
}

/** What is known of the units that a payment pays for, minor units. */
export interface PaidUnits {
  /** What the parcels that left cost. */
  parcels: readonly { shipmentId: string; minor: number }[];
  /** What is still reserved costs. */
  reservedMinor: number;
  /** More of them may leave. */
  isOpen: boolean;
}

/**
 * What is to be captured of an authorised payment: with multicapture each parcel that left, else everything that is not cut with the
 * first. `isOver`: nothing more is, so what is left of it is to be voided.
 */
export function captureNeeds(
  payment: CapturedInParts,
  { parcels, reservedMinor, isOpen }: PaidUnits,
): { captures: { shipmentId: string | null; amountMinor: number }[]; isOver: boolean } {
  const captures = payment.isWhole || parcels.length === 0 ? [] : capturesOf(payment, parcels, reservedMinor);
  return { captures, isOver: !isOpen && payment.unfinished === 0 && captures.length === 0 };
}

function capturesOf(
  payment: CapturedInParts,
  parcels: PaidUnits['parcels'],
  reservedMinor: number,
): { shipmentId: string | null; amountMinor: number }[] {
  if (!payment.multicapture) return [wholeCapture(payment, { parcels, reservedMinor })];
  return parcels
    .filter(({ shipmentId }) => !payment.shipmentIds.includes(shipmentId))
    .map(({ shipmentId, minor }) => ({ shipmentId, amountMinor: minor }));
}

/** Everything of a payment that is not cut and not captured: what is still reserved, and parcels that left without a capture. */
export function wholeCapture(
  { shipmentIds }: Pick<CapturedInParts, 'shipmentIds'>,
  { parcels, reservedMinor }: Pick<PaidUnits, 'parcels' | 'reservedMinor'>,
): { shipmentId: null; amountMinor: number } {
  const left = parcels.filter(({ shipmentId }) => !shipmentIds.includes(shipmentId));
  return { shipmentId: null, amountMinor: left.reduce((sum, { minor }) => sum + minor, reservedMinor) };
}
