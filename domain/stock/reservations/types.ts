/** `charging` is shown to API clients as `pending`. */
export type ReservationStatus = 'pending' | 'charging' | 'confirmed' | 'shipped' | 'cancelled' | 'expired';

/** A reservation as `GET /reservations/{id}` shows it. Times RFC 3339. */
export interface ReservationDetails {
  id: string;
  /** `order`: of one of our orders, which its saga looks after. */
  kind: 'hold' | 'order';
  /** `charging` is shown as `pending`. */
  status: Exclude<ReservationStatus, 'charging'>;
  /** What the caller said it is for; of a reservation of an order, that order's id. */
  orderId: string | null;
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
