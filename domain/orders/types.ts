import type { ReservationStatus } from '../stock/reservations/types';
import type { ShipTo, SourcingDecision, Shortage } from '../stock/sourcing/types';
import type { PaymentStatus } from '../payments/types';
import type { ShipmentStatus } from '../fulfilment/types';

/** In the order they are passed through; see `rules.ts` for the table of transitions. */
export type OrderStatus =
  'reserved' | 'paid' | 'fulfilling' | 'fulfilled' | 'rejected' | 'expired' | 'cancelled' | 'failed';

export type Fulfilment = 'complete' | 'partial' | 'backorder';

export type ItemStatus = 'reserved' | 'backordered' | 'fulfilled' | 'cancelled';

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
  payment: PaymentMethod | null;
  /** SHA-256 of the request body, where it came with an Idempotency-Key. */
  fingerprint: string | null;
}

/** One hold of an order, with its time left as PostgreSQL's clock sees it. */
export interface ReservationProgress {
  reservationId: string;
  seq: number;
  status: ReservationStatus;
  attempt: number;
  expiresAt: string;
  /** Milliseconds until it falls due; zero or less: it is due. */
  msLeft: number;
}

/**
 * Where an order stands, read from its rows in one statement. The saga decides every next step from this alone, so a saga
 * that is started again after being terminated carries on where the rows are.
 */
export interface OrderProgress {
  orderId: string;
  status: OrderStatus;
  failureCode: string | null;
  /** Live holds (pending, charging, confirmed), oldest first. */
  holds: ReservationProgress[];
  /** The charge in flight. */
  charge: {
    paymentId: string;
    reservationId: string;
    status: 'pending' | 'unknown';
    ageSeconds: number;
  } | null;
  /** True when parts that are allocated later can be charged without asking. */
  hasPaymentMethod: boolean;
  /** Somebody asked to cancel it, and that is not yet done or refused. */
  cancelRequested: boolean;
  /** Units that wait for stock. */
  waitingUnits: number;
  /** Count of shipments by status. */
  shipments: Partial<Record<ShipmentStatus, number>>;
  /** Shipments that failed or were voided and whose units are still held or not yet refunded. */
  uncutShipments: number;
  /** Refunds not yet made at the gateway. */
  pendingRefunds: number;
}

/** A reserve request's answer. It is stored: the same order asked again gets the same verdict and its current progress. */
export interface ReserveOutcome {
  verdict: 'held' | 'rejected' | 'refused';
  shortages: Shortage[];
  /** Why it was refused (UNKNOWN_SKU, ORDER_FAILED, ...). */
  code: string | null;
  detail: string | null;
  progress: OrderProgress | null;
}

export interface OrderEvent {
  seq: number;
  type: string;
  at: string;
  data: Record<string, unknown>;
}

/** The order as `GET /orders/{id}` shows it. Money in minor units, times RFC 3339. */
export interface OrderView {
  id: string;
  status: OrderStatus;
  customerId: string;
  fulfilment: Fulfilment;
  currency: string;
  totalMinor: number;
  failureCode?: string;
  cancelReason?: string;
  items: OrderItemView[];
  reservation: ReservationView | null;
  reservations: ReservationView[];
  payment: PaymentView | null;
  payments: PaymentView[];
  refunds: RefundView[];
  shipments: ShipmentView[];
  createdAt: string;
  updatedAt: string;
}

export interface OrderItemView {
  sku: string;
  quantity: number;
  unitPriceMinor: number;
  status: ItemStatus;
  reservedQuantity: number;
  backorderedQuantity: number;
  fulfilledQuantity: number;
  cancelledQuantity: number;
  allocations: { warehouse: string; quantity: number }[];
}

export interface ReservationView {
  id: string;
  /** `charging` is shown as `pending`. */
  status: Exclude<ReservationStatus, 'charging'>;
  expiresAt: string;
}

export interface PaymentView {
  id: string;
  status: PaymentStatus;
  amountMinor: number;
  refundedMinor: number;
  currency: string;
  declineCode?: string;
  at: string;
}

export interface RefundView {
  id: string;
  paymentId: string;
  amountMinor: number;
  reason: string;
  status: 'pending' | 'succeeded';
  at: string;
}

export interface ShipmentView {
  id: string;
  warehouse: string;
  status: ShipmentStatus;
  trackingNumber: string | null;
  items: { sku: string; quantity: number }[];
}

export type { SourcingDecision, Shortage };
