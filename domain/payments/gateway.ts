/** What a customer is to do before a charge can go on. */
export interface NextAction {
  type: 'redirect';
  url: string;
}

/** How a charge ended, as far as is known. */
export type ChargeOutcome =
  /** `at`: when the money was taken, where the gateway says it */
  | { status: 'captured'; gatewayRef: string; at?: Date }
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
  /** Nothing more of the charge will be captured: the rest is voided. Always so where it cannot be captured in parts. */
  isFinal: boolean;
}

/** What became of a capture. */
export type CaptureOutcome =
  /**
   * `endedMinor`: what the gateway has captured of the charge in all, where nothing more of it can be captured; null: more can be.
   * `at`: when the money was taken, where the gateway says it
   */
  | { status: 'succeeded'; gatewayRef: string | null; endedMinor: number | null; at?: Date }
  /** It will not be made under this key. `isGone`: the gateway says that nothing more of the charge can be captured */
  | { status: 'failed'; reason: string; isGone?: true };

export interface VoidRequest {
  paymentId: string;
  gatewayRef: string;
  currency: string;
  /** What we know to be captured of the charge, minor units. */
  capturedMinor: number;
}

/** What became of what was left of an authorisation. */
export type VoidOutcome =
  /** Nothing more can be captured. `capturedMinor`: what the gateway has captured of the charge in all */
  { status: 'voided'; capturedMinor: number };

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
  /** `pending`: the gateway has taken it and may still fail; ask again. `at`: when the money went back, where the gateway says it */
  | { status: 'succeeded' | 'pending'; gatewayRef: string; at?: Date }
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
  /** Voids what is not captured of an authorised charge, for good; also of one that has lapsed. Safe to repeat. */
  void(request: VoidRequest): Promise<VoidOutcome>;
  /** Gives money back, or finds out what became of it. Safe to repeat with the same `refundId` and `keyNumber`. */
  refund(request: RefundRequest): Promise<RefundOutcome | KeySpent>;
  /**
   * What became of a refund under any number of its key up to this one: one that stands, else one that failed; null: none was made.
   * Nothing is given back.
   */
  findRefund(request: RefundRequest): Promise<RefundOutcome | null>;
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
