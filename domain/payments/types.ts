/** What a client is shown of a payment's status. */
export const SHOWN_PAYMENT_STATUSES = [
  'pending',
  'requires_action',
  'authorized',
  'captured',
  'declined',
  'unknown',
  'voided',
  'failed',
  'refunded',
  'partially_refunded',
] as const;

/** `void_planned`: what is not captured of it is to be voided; shown as `authorized` with `voiding`. */
export const PAYMENT_STATUSES = [...SHOWN_PAYMENT_STATUSES, 'void_planned'] as const;
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number];

/** The gateway has no final outcome of these yet. */
export const PAYMENT_STATUSES_IN_FLIGHT = [
  'pending',
  'unknown',
  'requires_action',
] as const satisfies readonly PaymentStatus[];

/** Money of these is set aside on the customer's card, whether or not a part of it was captured. */
export const AUTHORIZED_PAYMENT_STATUSES = [
  'authorized',
  'void_planned',
] as const satisfies readonly PaymentStatus[];

/** Of these the gateway has, or may have, something that is not final, and is asked by itself. One that is `authorized` waits for its order. */
export const OPEN_PAYMENT_STATUSES = [
  ...PAYMENT_STATUSES_IN_FLIGHT,
  'void_planned',
] as const satisfies readonly PaymentStatus[];

/**
 * `planned`: not made yet; `failed`: the gateway refused it for good; `settled_by_hand`: a person said what was done instead.
 * Whichever it is, its amount stays planned.
 */
export const CAPTURE_STATUSES = ['planned', 'succeeded', 'failed', 'settled_by_hand'] as const;
export type CaptureStatus = (typeof CAPTURE_STATUSES)[number];

/** The gateway has not finished these. */
export const OPEN_CAPTURE_STATUSES = ['planned'] as const satisfies readonly CaptureStatus[];

/** Money of these came in, whatever went back since. */
export const CAPTURED_PAYMENT_STATUSES = [
  'captured',
  'refunded',
  'partially_refunded',
] as const satisfies readonly PaymentStatus[];

/** Nothing more comes in of these, and what was to come in was taken, or a person said what was done instead. */
export const SETTLED_PAYMENT_STATUSES = [
  ...CAPTURED_PAYMENT_STATUSES,
  'voided',
  'failed',
] as const satisfies readonly PaymentStatus[];

/** Money of these came in, or is set aside: one of each reservation. */
export const PAID_PAYMENT_STATUSES = [
  ...AUTHORIZED_PAYMENT_STATUSES,
  ...CAPTURED_PAYMENT_STATUSES,
] as const satisfies readonly PaymentStatus[];

/** Their customer has paid, or agreed to: also where nothing was taken in the end. */
export const EVER_PAID_STATUSES = [
  ...AUTHORIZED_PAYMENT_STATUSES,
  ...SETTLED_PAYMENT_STATUSES,
] as const satisfies readonly PaymentStatus[];

/** Of these there may be money left that may go back. */
export const REFUNDABLE_PAYMENT_STATUSES = [
  'captured',
  'partially_refunded',
  'authorized',
  'void_planned',
] as const satisfies readonly PaymentStatus[];

/**
 * `planned`: not made yet; `pending`: the gateway has it and has not finished; `failed`: it refused for good; `settled_by_hand`: a
 * person said what was done instead. Whichever it is, its amount stays planned: nothing is planned twice.
 */
export const REFUND_STATUSES = ['planned', 'pending', 'succeeded', 'failed', 'settled_by_hand'] as const;
export type RefundStatus = (typeof REFUND_STATUSES)[number];

/** The gateway has not finished these. */
export const OPEN_REFUND_STATUSES = ['planned', 'pending'] as const satisfies readonly RefundStatus[];

/** How a person ends a refund that the gateway does not make. */
export const REFUND_SETTLEMENTS = ['made_elsewhere', 'waived'] as const;
export type RefundSettlement = (typeof REFUND_SETTLEMENTS)[number];

/** Units that are not delivered; money that came in for a reservation given up; a person's request; units that came back. */
export const REFUND_ORIGINS = ['shipment', 'payment', 'operator', 'return'] as const;

/** These go back although units were shipped for them. */
export const REFUND_ORIGINS_OF_SHIPPED = [
  'operator',
  'return',
] as const satisfies readonly (typeof REFUND_ORIGINS)[number][];

/**
 * What a refund is for, and the id of it: at most one refund of a payment for each. Of several shipments it is that of the
 * first.
 */
export interface RefundOrigin {
  kind: (typeof REFUND_ORIGINS)[number];
  /** Of the shipment, the payment, the request, or the inspection. */
  id: string;
}

/**
 * `inquiry`: the bank asks, and the money is still here; `needs_response`, `under_review`: the bank has taken it, and the decision
 * is open; `won`: it came back; `lost`: it is gone; `closed`: it ended without a decision.
 */
export const DISPUTE_STATUSES = [
  'inquiry',
  'needs_response',
  'under_review',
  'won',
  'lost',
  'closed',
] as const;
export type DisputeStatus = (typeof DISPUTE_STATUSES)[number];

/** The decision is open. */
export const OPEN_DISPUTE_STATUSES = [
  'inquiry',
  'needs_response',
  'under_review',
] as const satisfies readonly DisputeStatus[];

/** Nothing is refunded while one of the payment's disputes is in these: the customer would get the money twice. */
export const FREEZING_DISPUTE_STATUSES = [
  'needs_response',
  'under_review',
] as const satisfies readonly DisputeStatus[];

/** The bank has taken the money of these, for now or for good. */
export const TAKING_DISPUTE_STATUSES = [
  ...FREEZING_DISPUTE_STATUSES,
  'lost',
] as const satisfies readonly DisputeStatus[];

/** An attempt to get the money for one reservation. Money in minor units. */
export interface PaymentRow {
  id: string;
  orderId: string;
  reservationId: string;
  attempt: number;
  updateId: string;
  status: PaymentStatus;
  amountMinor: number;
  currency: string;
  gatewayRef: string | null;
  declineCode: string | null;
  /** Its money is for its reservation; false: another payment took its place. */
  serves: boolean;
  /** Who found out at the gateway that nothing of it is held any more; null: nobody did. */
  voidSettledBy: string | null;
}

/** A payment that is about to be charged. */
export interface NewPayment {
  id: string;
  orderId: string;
  reservationId: string;
  attempt: number;
  /** Binds the attempt: the same id again is the same charge. */
  updateId: string;
  amountMinor: number;
  currency: string;
  method: string;
  token: string;
  gateway: string;
  /** It is authorised, and captured apart. */
  captureLater: boolean;
  /** Nobody is there who could authenticate. */
  offSession: boolean;
  returnUrl: string | null;
  /** The payment whose place it takes: its customer has until then, and no longer. Absent: none. */
  takesPlaceOf?: string | null;
}

/** A payment of which money may go back, minor units. */
export interface RefundablePayment {
  paymentId: string;
  reservationId: string;
  /** Captured, or planned to be; without what a person has given up. */
  capturedMinor: number;
  /** One capture takes all of it, so that of what is cut the money goes back; else less is captured. */
  isWhole: boolean;
  /** Of that, what went back or is planned to. */
  refundPlannedMinor: number;
}

/** A refund to plan, minor units. */
export interface RefundPlan {
  paymentId: string;
  amountMinor: number;
  origin: RefundOrigin;
  /** By id of a product, what of it is for units of that, minor units: by these it is split between merchants. Absent: for no certain units. */
  products?: ReadonlyMap<string, number>;
  reason: string;
  /** Who asked for it; null: the order's own course. */
  actor: string | null;
}
