import type { SignatureVerdict } from '../../platform/webhook-signature';

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

/** `void_planned`: what is not captured of it is to be released; shown as `authorized` with `releasing`. */
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
  reason: string;
  /** Who asked for it; null: the order's own course. */
  actor: string | null;
}

/** What a customer is to do before a charge can go on. */
export interface NextAction {
  type: 'redirect';
  url: string;
}

/** How a charge ended, as far as is known. */
export type ChargeOutcome =
  | { status: 'captured'; gatewayRef: string }
  /**
   * Set aside, and captured apart.
   *
   * `multicapture`: it can be captured in parts; `captureBefore`: until when the gateway keeps it
   */
  | { status: 'authorized'; gatewayRef: string; multicapture: boolean; captureBefore: Date | null }
  /** The customer is to authenticate first: it may still come to any outcome. Ask again. */
  | { status: 'requires_action'; gatewayRef: string; nextAction: NextAction }
  | { status: 'declined'; gatewayRef: string | null; declineCode: string }
  /** The gateway has no final outcome: it may still capture. Ask again; never charge anew. */
  | { status: 'unknown' };

/** What preparing a charge came to. Nothing can be captured yet, whichever it is. */
export type Prepared =
  /** `customerRef`: the gateway's customer, where one was made so that later parts can be charged */
  | { status: 'prepared'; gatewayRef: string | null; customerRef?: string }
  /** The gateway will not even take the charge: unknown payment method, amount below its minimum. */
  | Extract<ChargeOutcome, { status: 'declined' }>;

export interface ChargeRequest {
  /** Also the gateway's idempotency key: one payment row is one charge, however often it is sent. */
  paymentId: string;
  orderId: string;
  amountMinor: number;
  /** ISO 4217. */
  currency: string;
  method: string;
  token: string;
  /** The gateway's id of this charge, where an earlier try has stored one. */
  gatewayRef: string | null;
  /** It is only authorised: captured apart. */
  captureLater: boolean;
  /** Nobody is there who could authenticate: a later part of an order. */
  offSession: boolean;
  /** Later parts of the order may be charged with the same method, without the customer. */
  keepsMethod: boolean;
  /** The gateway's customer, where an earlier payment of the order has stored one. */
  customerRef: string | null;
  /** Where the customer goes on after authenticating; null: a charge that needs a redirect is declined, where the gateway needs to know. */
  returnUrl: string | null;
}

export interface CaptureRequest {
  captureId: string;
  /** With the id the idempotency key: rises with each try after a definite failure. */
  keyNumber: number;
  paymentId: string;
  /** Of the charge. */
  gatewayRef: string;
  amountMinor: number;
  /** ISO 4217. */
  currency: string;
  /** What we know to be captured of the charge before, minor units. */
  capturedMinor: number;
  /** Nothing more of the charge will be captured: the rest is released. Always so where it cannot be captured in parts. */
  isFinal: boolean;
}

/** What became of a capture. */
export type CaptureOutcome =
  /** `endedMinor`: what the gateway has captured of the charge in all, where nothing more of it can be captured; null: more can be */
  | { status: 'succeeded'; gatewayRef: string | null; endedMinor: number | null }
  /** It will not be made under this key. */
  | { status: 'failed'; reason: string };

export interface ReleaseRequest {
  paymentId: string;
  gatewayRef: string;
  currency: string;
  /** What we know to be captured of the charge, minor units. */
  capturedMinor: number;
}

/** What became of what was left of an authorisation. */
export type ReleaseOutcome =
  /** Nothing more can be captured. `capturedMinor`: what the gateway has captured of the charge in all */
  { status: 'released'; capturedMinor: number };

export interface RefundRequest {
  refundId: string;
  /** With the id the idempotency key: rises with each try after a definite failure. */
  keyNumber: number;
  paymentId: string;
  gatewayRef: string;
  amountMinor: number;
  currency: string;
  reason: string;
}

/** What became of a refund. */
export type RefundOutcome =
  /** `pending`: the gateway has taken it and may still fail; ask again. */
  | { status: 'succeeded' | 'pending'; gatewayRef: string }
  /** It will not be made under this key. */
  | { status: 'failed'; gatewayRef: string | null; reason: string };

/**
 * The gateway returns a failure that it has stored for this key, and made nothing under it: it never will, so the next try takes
 * the next number.
 */
export interface KeySpent {
  status: 'key_spent';
  reason: string;
}

/**
 * A payment gateway. A network failure or timeout is thrown (any error); a decline is an outcome. Implementations are
 * under `integrations/`.
 */
export interface PaymentGateway {
  readonly name: string;
  /**
   * Why the gateway cannot charge such an amount, minor units of ISO 4217; null: it can. Where it can charge two amounts it can
   * charge their sum, so an order of which each unit can be charged can be charged, also in parts.
   */
  amountProblem(amountMinor: number, currency: string): string | null;
  /**
   * Makes the charge known to the gateway and returns its id, where the gateway works in two steps (Stripe: create the
   * PaymentIntent), so that the id is stored before money can move. The id is null where the idempotency key alone finds
   * the charge.
   */
  prepare(request: ChargeRequest): Promise<Prepared>;
  /** Charges. Safe to repeat with the same `paymentId`. */
  charge(request: ChargeRequest): Promise<ChargeOutcome>;
  /** What became of a charge whose outcome was lost; null: the gateway never got it, so it may be sent again. */
  find(request: ChargeRequest): Promise<ChargeOutcome | null>;
  /**
   * Makes sure that a charge which has no outcome never gets one, even if the charge is sent again or its customer authenticates.
   * Returns how the charge ended: `declined` as `abandoned`, unless it had ended otherwise before (`captured`, `authorized`).
   */
  abandon(request: ChargeRequest): Promise<ChargeOutcome>;
  /**
   * Takes money of an authorised charge, or finds out whether it was taken. Safe to repeat with the same `captureId` and `keyNumber`.
   * One at a time for each charge.
   */
  capture(request: CaptureRequest): Promise<CaptureOutcome | KeySpent>;
  /** Releases what is not captured of an authorised charge, for good; also of one that has lapsed. Safe to repeat. */
  release(request: ReleaseRequest): Promise<ReleaseOutcome>;
  /** Gives money back, or finds out what became of it. Safe to repeat with the same `refundId` and `keyNumber`. */
  refund(request: RefundRequest): Promise<RefundOutcome | KeySpent>;
}

/**
 * Gateways by name: also those that are no longer configured, as long as their credentials are set.
 *
 * @throws `PAYMENT_GATEWAY_CHANGED` for one that is not set up
 */
export type GatewayNamed = (name: string) => PaymentGateway;

export interface ClosableGateway extends PaymentGateway {
  /** Ends every connection; a call that is still waiting fails. */
  close(): Promise<void>;
}

/** What a gateway tells by itself. Money in minor units of ISO 4217. */
export interface GatewayEvent {
  /** The gateway's id of it: applied once. */
  eventId: string;
  /** The gateway's word for what happened. */
  type: string;
  /** When the gateway made it. */
  occurredAt: Date;
  /** Null: nothing that Holdfast acts on. */
  fact: GatewayFact | null;
}

/** What became of an event: `stale` changes nothing any more; `unknown` is about nothing of ours; `ignored` is of another kind. */
export const GATEWAY_EVENT_RESULTS = ['applied', 'duplicate', 'stale', 'unknown', 'ignored'] as const;
export type GatewayEventResult = (typeof GATEWAY_EVENT_RESULTS)[number];

/** The payment that a fact is about: by the gateway's id of the charge or by ours, where the gateway knows it. */
interface AboutCharge {
  chargeRef: string | null;
  paymentId: string | null;
}

export type GatewayFact =
  /** Something happened to a charge. */
  | ({ kind: 'charge' } & AboutCharge)
  | ({ kind: 'refund' } & AboutCharge & RefundFact)
  /** So much of a charge went back in all. */
  | ({ kind: 'refunded_total'; totalMinor: number } & AboutCharge)
  | ({ kind: 'dispute' } & AboutCharge & DisputeFact);

/** A refund as it was at the gateway when the event was made. */
export interface RefundFact {
  gatewayRef: string;
  /** Ours, where the gateway knows it. */
  refundId: string | null;
  status: 'pending' | 'succeeded' | 'failed';
  amountMinor: number;
  currency: string;
  /** Why it failed. */
  reason: string | null;
}

/** A dispute as it was at the gateway when the event was made. */
export interface DisputeFact {
  gatewayRef: string;
  amountMinor: number;
  currency: string;
  /** The gateway's word for why the customer disputes. */
  reason: string;
  status: DisputeStatus;
  dueBy: Date | null;
}

/** Reads what a gateway sends by itself. Implementations are under `integrations/`. */
export interface GatewayWebhook {
  /** False: no secret is set, so nothing can be verified. */
  readonly isSetUp: boolean;
  /** @param body the bytes as they were sent */
  verify(body: Buffer, header: (name: string) => string | undefined): SignatureVerdict;
  /** What a body says that was verified. */
  read(body: unknown): GatewayEvent;
}

/** A payment as clients see it. Money in minor units, times RFC 3339. */
export interface PaymentView {
  id: string;
  status: (typeof SHOWN_PAYMENT_STATUSES)[number];
  /** Asked for: of one that is captured apart, what was authorised. */
  amountMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  currency: string;
  declineCode?: string;
  at: string;
  /** What the customer is to do, of one that waits for that. */
  nextAction?: NextAction;
  /** What is not captured of an authorised one is being released: nothing more is taken of it. */
  releasing?: true;
  /** Until when the gateway keeps the authorisation, of one that is captured apart. */
  captureBefore?: string;
  /** Oldest first. */
  captures: CaptureView[];
  /** Oldest first. */
  refunds: RefundView[];
  /** When the gateway is asked next; while it is open. */
  nextTryAt?: string;
  /** Why the gateway gave no outcome yet. */
  lastError?: string;
}

/** Money taken of a payment, as clients see it. */
export interface CaptureView {
  id: string;
  /** The parcel that it pays for; absent: everything that was not captured. */
  shipmentId?: string;
  amountMinor: number;
  status: CaptureStatus;
  at: string;
  /** When the gateway is asked next; while it is open. */
  nextTryAt?: string;
  /** Why the last try did not succeed. */
  lastError?: string;
  /** Of one settled by hand: what was done, where it is found, and who recorded it. */
  settledAs?: RefundSettlement;
  settledReference?: string;
  settledBy?: string;
}

/** A refund as clients see it. */
export interface RefundView {
  id: string;
  paymentId: string;
  amountMinor: number;
  reason: string;
  status: RefundStatus;
  at: string;
  /** When the gateway is asked next; where it waits. */
  nextTryAt?: string;
  /** Why the last try did not succeed; where it did not. */
  lastError?: string;
  /** Who asked for it; absent: the order's own course. */
  actor?: string;
  /** Of one settled by hand. */
  settledAs?: RefundSettlement;
  /** Where what was done instead is found. */
  settledReference?: string;
  /** Who said so. */
  settledBy?: string;
}

/** A dispute as clients see it. */
export interface DisputeView {
  id: string;
  paymentId: string;
  /** The gateway's id of it. */
  gatewayRef: string;
  amountMinor: number;
  currency: string;
  reason: string;
  status: DisputeStatus;
  at: string;
  /** Until when the gateway takes a response; where one is awaited. */
  dueBy?: string;
}
