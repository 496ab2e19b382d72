/**
 * `authorised`: goods may come in; `received`: some are here; `completed`: all that came is inspected and no more is awaited;
 * `expired`: nothing came in time; `cancelled`: called off before anything came.
 */
export const RETURN_STATUSES = ['authorised', 'received', 'completed', 'expired', 'cancelled'] as const;
export type ReturnStatus = (typeof RETURN_STATUSES)[number];

/** Statuses in which goods may still come in, unless the return is closed to arrivals. */
export const AWAITED_RETURN_STATUSES = ['authorised', 'received'] as const satisfies readonly ReturnStatus[];

/** Steps of a return that a client asks for; each request counts once. */
export const RETURN_STEPS = ['receive', 'inspect'] as const;

/** What happens to a return. `complete`: the last of it was decided. */
export type ReturnEvent = 'receive' | 'inspect' | 'complete' | 'expire' | 'cancel';

/** What goes back for a returned unit: its price less the restocking fee, or nothing. */
export const RETURN_REFUNDS = ['price', 'none'] as const;
export type ReturnRefund = (typeof RETURN_REFUNDS)[number];

/** What is kept of the price of one returned unit: in percent of it, to two decimals, or in minor units, at most the price. */
export type RestockingFee = { percent: number } | { amountMinor: number };

export interface ReturnLine {
  sku: string;
  /** Units authorised. */
  quantity: number;
  reason: string;
  received: number;
  /** Inspected and back on hand. */
  restocked: number;
  /** Inspected and given up. */
  writtenOff: number;
  /** Inspected, and money goes back for it. */
  refunded: number;
}

export interface ReturnView {
  id: string;
  orderId: string;
  status: ReturnStatus;
  /** Where the goods came in; null: nothing has. */
  location: string | null;
  items: ReturnLine[];
  refund: ReturnRefund;
  restockingFee: RestockingFee | null;
  /** Planned to go back so far, minor units; how far each refund is, the order shows. */
  refundMinor: number;
  /** Until when goods may come in. */
  expiresAt: string;
  actor: string;
  createdAt: string;
  updatedAt: string;
}

/** How far a return has come: all that its workflow needs to know. */
export interface ReturnProgress {
  returnId: string;
  orderId: string;
  status: ReturnStatus;
  /** Units that may still come in. */
  awaited: number;
  /** Units that are here and not inspected. */
  uninspected: number;
  restocked: number;
  writtenOff: number;
  /** Milliseconds by PostgreSQL's clock until the rest is no longer awaited; null: nothing is awaited. */
  msLeft: number | null;
}

export interface NewReturn {
  returnId: string;
  orderId: string;
  /** Each SKU once. */
  items: readonly { sku: string; quantity: number; reason: string }[];
  /** What its inspections do unless they say otherwise. */
  refund: ReturnRefund;
  restockingFee: RestockingFee;
  /** How long goods may come in. */
  days: number;
  actor: string;
}

export interface ReturnStep {
  returnId: string;
  /** Makes the step happen once, however often it is sent. */
  stepId: string;
  actor: string;
}

/** A return that should have ended its wait; `expiresAtMicros` is RFC 3339, to the microsecond. */
export interface OverdueReturn {
  id: string;
  expiresAtMicros: string;
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** Wakes the workflow of a customer's return, or starts it. */
    'return.wake': 'returnId';
  }
}
