import type { ReservationStatus } from '../ledger/types';

/** A hold as `GET /reservations/{id}` shows it. Times RFC 3339. */
export interface ReservationDetails {
  id: string;
  /** `order`: a hold of one of our orders, which its saga looks after. */
  kind: 'hold' | 'order';
  /** `charging` is shown as `pending`. */
  status: Exclude<ReservationStatus, 'charging'>;
  /** What the caller said the hold is for; of a hold of an order, that order's id. */
  orderId: string | null;
  expiresAt: string;
  items: ReservedItemView[];
  createdAt: string;
  updatedAt: string;
}

export interface ReservedItemView {
  sku: string;
  /** Units that were held. */
  quantity: number;
  /** Units that still are: neither shipped nor given back. */
  openQuantity: number;
  /** Where the units were held. */
  allocations: { warehouse: string; quantity: number }[];
}

/** What the expiry did, and when it is to look again. */
export interface ExpiryRound {
  /** Holds that were freed. */
  freed: number;
  /** Milliseconds until the next round must begin; 0: at once. */
  sleepMs: number;
  /** When the next hold falls due, RFC 3339; null: none is pending. */
  nextDueAt: string | null;
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** A reservation without an order falls due before the expiry looks again. */
    'reservations.due': null;
  }
}
