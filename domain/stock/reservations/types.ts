/** Statuses of a reservation as API clients see them: `charging` is shown as `pending`. */
export const SHOWN_RESERVATION_STATUSES = [
  'pending',
  'confirmed',
  'shipped',
  'cancelled',
  'expired',
] as const;
export const RESERVATION_STATUSES = ['charging', ...SHOWN_RESERVATION_STATUSES] as const;
export type ReservationStatus = (typeof RESERVATION_STATUSES)[number];

/** A live reservation keeps units from being sold; one that is not has no open line. */
export const LIVE_RESERVATION_STATUSES = [
  'pending',
  'charging',
  'confirmed',
] as const satisfies readonly ReservationStatus[];

/** Nothing of it is reserved, nor ever will be. */
export const ENDED_RESERVATION_STATUSES = [
  'shipped',
  'cancelled',
  'expired',
] as const satisfies readonly ReservationStatus[];

/** Units of such a reservation can be moved or cut: nothing of it is being charged. */
export const SETTLED_RESERVATION_STATUSES = [
  'pending',
  'confirmed',
] as const satisfies readonly ReservationStatus[];

/**
 * `order`: made by an order; `hold`: asked for by a client without an order; `allocation`: kept for backorders that are
 * served later; `quality`: on quality hold.
 */
export const RESERVATION_KINDS = ['order', 'hold', 'allocation', 'quality'] as const;
export type ReservationKind = (typeof RESERVATION_KINDS)[number];

/** Kinds that may live without ever falling due. */
export const ENDLESS_RESERVATION_KINDS = [
  'allocation',
  'quality',
] as const satisfies readonly ReservationKind[];

/** A reservation as `GET /reservations/{id}` shows it. Times RFC 3339. */
export interface ReservationDetails {
  id: string;
  /** `order`: of one of our orders, which its saga looks after. */
  kind: 'hold' | 'order';
  /** `charging` is shown as `pending`. */
  status: Exclude<ReservationStatus, 'charging'>;
  /** What the caller said it is for; of a reservation of an order, that order's id. */
  orderId: string | null;
  /** The caller's own name of it. */
  reference: string | null;
  expiresAt: string;
  items: ReservedItemView[];
  createdAt: string;
  updatedAt: string;
}

export interface ReservedItemView {
  sku: string;
  /** Units that were reserved. */
  quantity: number;
  /** Units that still are: neither shipped nor given back. */
  openQuantity: number;
  /** Where the units were reserved. */
  allocations: { warehouse: string; quantity: number }[];
}

/** What the expiry did, and when it is to look again. */
export interface ExpiryRound {
  /** Reservations that were freed. */
  freed: number;
  /** Milliseconds until the next round must begin; 0: at once. */
  sleepMs: number;
  /** When the next reservation falls due, RFC 3339; null: none is pending. */
  nextDueAt: string | null;
}

/** Units of one stock row that a live reservation keeps. */
export interface ReservedUnits {
  reservationId: string;
  /** Null: it is of no order. */
  orderId: string | null;
  kind: ReservationKind;
  status: ReservationStatus;
  /** Units that are still reserved there. */
  quantity: number;
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** A reservation without an order falls due before the expiry looks again. */
    'reservations.due': null;
  }
}
