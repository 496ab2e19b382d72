import type { ShipTo, SourcingStrategy } from '../stock/sourcing/types';

/** In the order they are passed through; see `rules.ts` for the table of transitions. */
export const ORDER_STATUSES = [
  'reserved',
  'paid',
  'fulfilling',
  'fulfilled',
  'rejected',
  'expired',
  'cancelled',
  'failed',
] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** An order that was paid for, once at least, and not undone. */
export const PAID_ORDER_STATUSES = [
  'paid',
  'fulfilling',
  'fulfilled',
] as const satisfies readonly OrderStatus[];

/** An open order has units to pay for, to ship or to wait for. All others have ended. */
export const OPEN_ORDER_STATUSES = [
  'reserved',
  'paid',
  'fulfilling',
] as const satisfies readonly OrderStatus[];

/** What became of the latest request to cancel an order: under way; something was ended; nothing could be. */
export const CANCEL_STATES = ['open', 'done', 'refused'] as const;
export type CancelState = (typeof CANCEL_STATES)[number];

export const FULFILMENTS = ['complete', 'partial', 'backorder'] as const;
export type Fulfilment = (typeof FULFILMENTS)[number];

export const ITEM_STATUSES = ['reserved', 'backordered', 'fulfilled', 'cancelled'] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/** When money is taken: with the order, or as each of its parcels leaves. */
export const CAPTURE_MODES = ['now', 'on_shipment'] as const;
export type CaptureMode = (typeof CAPTURE_MODES)[number];

/**
 * How the review of an order stands. `open`: nothing of it ships; `ended`: the order was cancelled, or ended otherwise, before it was
 * decided.
 */
export const REVIEW_STATUSES = ['open', 'approved', 'rejected', 'ended'] as const;
export type ReviewStatus = (typeof REVIEW_STATUSES)[number];

export const REVIEW_OUTCOMES = ['approved', 'rejected'] as const satisfies readonly ReviewStatus[];
export type ReviewOutcome = (typeof REVIEW_OUTCOMES)[number];

/** What somebody says about an order, and how its review stands then. */
export const REVIEW_DECISIONS = {
  approve: 'approved',
  reject: 'rejected',
} as const satisfies Record<string, ReviewOutcome>;

/** Which orders are reviewed, and for how long. */
export interface ReviewTerms {
  /** An order of this total or more is reviewed, minor units by ISO 4217 code; a currency that is not here is not. */
  fromMinor: Readonly<Record<string, number>>;
  /** How long somebody may decide, from when money is authorised. */
  seconds: number;
  /** What is decided when nobody did. */
  otherwise: ReviewOutcome;
}

/** What an order is charged with. `token` is the gateway's word for a card, never a card number. */
export interface PaymentMethod {
  method: string;
  token: string;
  /** Where the customer goes on after authenticating, where a redirect may follow. */
  returnUrl?: string | undefined;
}

/** Everything an order needs to be carried out: the saga's input, stored with the order so that it can be started again. */
export interface OrderInput {
  orderId: string;
  customerId: string;
  /** The caller who placed it; absent before there was sign-in. */
  owner?: string | undefined;
  /** Merged: each SKU once. Quantities are whole units, at least 1. */
  items: { sku: string; quantity: number }[];
  shipTo: ShipTo | null;
  /** How its warehouses are chosen; absent: as the settings say. */
  sourcing?: SourcingStrategy | undefined;
  fulfilment: Fulfilment;
  holdSeconds: number;
  /** How long the units of a `backorder` order may wait for stock; absent: as the settings say. */
  backorderSeconds?: number | undefined;
  payment: PaymentMethod | null;
  /** When its money is taken; absent: with the order. */
  capture?: CaptureMode | undefined;
  /** Whether it is reviewed, by its total; absent: it is not. */
  review?: ReviewTerms | undefined;
  /** SHA-256 of the request body, where it came with an Idempotency-Key. */
  fingerprint: string | null;
  /** Id of the HTTP request that placed it, for the audit log; absent: there was none, or a build of before took it. */
  httpRequestId?: string | undefined;
}

/** Types of events that say how orders go on and end, of money and parcels too: each is counted from zero on. */
export const COUNTED_ORDER_EVENTS = [
  'order_placed',
  'order_rejected',
  'order_fulfilled',
  'order_expired',
  'order_cancelled',
  'order_failed',
  'stock_reserved',
  'hold_expired',
  'hold_released',
  'payment_started',
  'payment_captured',
  'payment_declined',
  'payment_unknown',
  'capture_succeeded',
  'capture_failed',
  'refund_started',
  'refund_succeeded',
  'refund_failed',
  'shipment_booked',
  'shipment_picked_up',
  'shipment_delivered',
  'shipment_failed',
] as const;

export interface OrderEvent {
  seq: number;
  type: string;
  at: string;
  /** The caller who caused it, where somebody did. */
  actor?: string;
  /** The customer, where it was somebody else who acted for them. */
  onBehalfOf?: string;
  data: Record<string, unknown>;
}

/** What happened to an order, before it has its number. */
export interface NewEvent {
  orderId: string;
  type: string;
  /** The caller who caused it; absent: nobody in particular. */
  actor?: string | undefined;
  /** The HTTP request by which they did; absent: that of the transaction. */
  requestId?: string | undefined;
  data?: Record<string, unknown>;
}

/** Units of one item that go from one state to another. */
export interface UnitMove {
  orderId: string;
  productId: number;
  from: 'reserved' | 'backordered';
  to: 'reserved' | 'fulfilled' | 'cancelled';
  quantity: number;
}

/** A quantity and the price of one unit, minor units. */
export interface PricedUnits {
  quantity: number;
  unitPriceMinor: number;
}

/**
 * Everything for which an order needs a person, and what that person does. `byHand`: only that person can say when it is done
 * (`endAttention`); the others end by themselves when their cause is gone. `severity`: of its alerts, `warning` unless given.
 */
export const ATTENTION = {
  refund_failed: {
    next: 'The gateway refuses this refund for good. Give the money back in another way and record it with POST /refunds/{id}/resolve, or try again with POST /refunds/{id}/retry.',
  },
  refund_delayed: {
    next: 'The gateway has not made this refund yet. It is tried again by itself. The gateway may have made it although its response was lost: look there for a refund with this id (Stripe: metadata refundId) before you give the money back in another way. Once POST /refunds/{id}/resolve has recorded that, Holdfast makes it no more, and looks only a few times within two days whether the gateway had. Where the gateway is not set up any more, set its credentials again, or see there what became of the refund and record it the same way.',
  },
  refunded_twice: {
    next: 'The gateway made this refund, and a person has recorded what was done instead. Its payment counts it as refunded. See whether the customer got the money twice: stop or reclaim the other payment. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  refund_unknown: {
    next: 'The gateway gave money of this payment back that Holdfast has not planned: somebody did it at the gateway. Holdfast does not count it. Where it replaces a refund of this order, record it with POST /refunds/{id}/resolve and its id at the gateway as the reference; else with POST /orders/{id}/refunds and that id as madeElsewhere, so that no more goes back than is left. Either ends this; what cannot be recorded end with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  disputed: {
    next: 'The customer disputes this charge with their bank. Respond at the gateway before it is due. Nothing of the payment is refunded meanwhile. Cancel what has not left, if it should not leave. This ends when the dispute is closed.',
  },
  dispute_lost: {
    next: 'The customer has the money back by the dispute. Cancel what has not left. Refunds of this money fail: record each as waived with POST /refunds/{id}/resolve. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  charge_unresolved: {
    next: 'The gateway does not say what became of this charge. Its stock is on sale again. It is asked again by itself; money that turns out to be captured goes back. Where you find out at the gateway what became of it, record it with POST /payments/{id}/resolve. Look the payment up at the gateway.',
  },
  capture_failed: {
    next: 'The gateway refuses for good to take this money of the authorisation, and the goods may have left. Take it in another way and record it with POST /captures/{id}/resolve, or try again with POST /captures/{id}/retry.',
  },
  capture_delayed: {
    next: 'The gateway has not taken this money yet. It is tried again by itself, and the authorisation lapses at captureBefore of the payment. Look at the gateway before you take the money in another way: POST /captures/{id}/resolve records that, and Holdfast does not ask about it any more.',
  },
  captured_twice: {
    next: 'The gateway took this money although a person had recorded what was done instead, or that the charge was not made. See whether the customer paid twice. What is found when the rest of the authorisation is voided goes back by itself: look at the refunds of the payment first, else give it back at the gateway. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  void_delayed: {
    next: 'The gateway does not void what is left of this authorisation: the customer cannot use that money until it lapses. It is tried again by itself. Void it at the gateway if the customer asks. Where the gateway holds nothing of it any more, record that with POST /payments/{id}/resolve and the outcome not_captured.',
  },
  authorization_lapses: {
    next: 'What was ordered has not left in the time for which the gateway keeps the money. See why it does not ship. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  authorization_lost: {
    next: 'The gateway keeps this money no longer: the authorisation was cancelled there, or its time is over. What has not left of the order is cancelled by itself. See at the gateway who cancelled it. The capture of a parcel that left fails: take that money in another way and record it with POST /captures/{id}/resolve. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  shipment_not_stopped: {
    next: 'The carrier does not respond to the order to stop this parcel. It is asked again by itself. Stop the parcel by hand: its units stay reserved until the carrier responds.',
  },
  left_after_stop: {
    next: 'The carrier picked this parcel up after it was stopped: the goods are gone and their money goes back. Get the parcel back and book its units in with POST /inventory/{sku}/adjust, or charge the customer anew. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
    severity: 'critical',
  },
  units_blocked: {
    next: 'Units of this order were recalled, put on hold or past their last day, and there were no others: they are cut, and what was paid for them goes back by itself. Tell the customer. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  units_missing: {
    next: 'A count did not find units that were promised to this order, and there were no others: they are cut, and what was paid for them goes back by itself. Tell the customer. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  blocked_left: {
    next: 'The carrier picked up units that are recalled, on quality hold or past their last day. Tell the customer not to use them and get them back. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
    severity: 'critical',
  },
  review_open: {
    next: 'Nothing of this order ships before somebody decides, and its deadline decides otherwise. Approve or reject it with POST /orders/{id}/review.',
  },
  step_failing: {
    next: 'A step of this order fails each time although PostgreSQL works: something in its rows is wrong, or in this build. It is tried again at least every five minutes; until it succeeds, what comes after it waits. The log of the worker has the error. Start a check with POST /jobs/consistency and mend what it finds. This ends when the step succeeds.',
  },
  workflow_stuck: {
    next: "The task of this order's workflow fails again and again. Look at the build that runs it. The safe way out is to terminate the workflow: its rows decide, and the reconciler starts it anew.",
  },
} as const satisfies Record<string, { next: string; byHand?: true; severity?: 'critical' }>;

export type AttentionKind = keyof typeof ATTENTION;

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** Wakes the saga of an order, which reads its rows again. */
    'order.wake': 'orderId';
    /** Something was written about an order that was erased before: it is erased too. */
    'order.erase': 'orderId';
  }
}

declare module '../../platform/database/notifier' {
  interface Channels {
    /** Orders that changed. */
    holdfast_orders: 'orderId';
  }
}
