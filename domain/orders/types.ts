import type { ShipTo } from '../stock/sourcing/types';

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

export const FULFILMENTS = ['complete', 'partial', 'backorder'] as const;
export type Fulfilment = (typeof FULFILMENTS)[number];

export const ITEM_STATUSES = ['reserved', 'backordered', 'fulfilled', 'cancelled'] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/** What became of a request to cancel: under way, something was ended, or nothing could be. */
export const CANCEL_STATES = ['open', 'done', 'refused'] as const;
export type CancelState = (typeof CANCEL_STATES)[number];

/** What an order is charged with. `token` is the gateway's word for a card, never a card number. */
export interface PaymentMethod {
  method: string;
  token: string;
}

/** Everything an order needs to be carried out: the saga's input, stored with the order so that it can be started again. */
export interface OrderInput {
  orderId: string;
  customerId: string;
  /** Merged: each SKU once. Quantities are whole units, at least 1. */
  items: { sku: string; quantity: number }[];
  shipTo: ShipTo | null;
  fulfilment: Fulfilment;
  holdSeconds: number;
  /** How long the units of a `backorder` order may wait for stock; absent: as the settings say. */
  backorderSeconds?: number | undefined;
  payment: PaymentMethod | null;
  /** SHA-256 of the request body, where it came with an Idempotency-Key. */
  fingerprint: string | null;
}

export interface OrderEvent {
  seq: number;
  type: string;
  at: string;
  data: Record<string, unknown>;
}

/** What happened to an order, before it has its number. */
export interface NewEvent {
  orderId: string;
  type: string;
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

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** Wakes the saga of an order, which reads its rows again. */
    'order.wake': 'orderId';
  }
}

declare module '../../platform/database/notifier' {
  interface Channels {
    /** Orders that changed. */
    holdfast_orders: 'orderId';
  }
}
