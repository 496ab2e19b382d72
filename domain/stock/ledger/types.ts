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

export const LEDGER_KINDS = [
  'opening',
  'receipt',
  'adjust',
  'reserve',
  'allocate',
  'release',
  'expire',
  'ship',
  'transfer_out',
  'transfer_in',
  'return',
  'count',
  'write_off',
  'repair',
  'quality_hold',
  'quality_release',
  'feed',
] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** What moves units from one warehouse to another. */
export const TRANSFER_LEDGER_KINDS = ['transfer_out', 'transfer_in'] as const satisfies readonly LedgerKind[];

/** Where an order goes: a point (degrees, WGS 84) or the name of a region. */
export type ShipTo = { latitude: number; longitude: number } | { region: string };

export interface Warehouse {
  id: number;
  code: string;
  name: string;
  type: string;
  address: string;
  latitude: number;
  longitude: number;
  region: string;
  /** Lower is preferred between equally near warehouses. */
  priority: number;
  active: boolean;
}

/** Key of one stock row. Locked everywhere in the order (productId, warehouseId). */
export interface StockKey {
  productId: number;
  warehouseId: number;
}

/** `low_stock`: at or below its threshold. */
export const STOCK_STATUSES = ['available', 'low_stock', 'out_of_stock'] as const;
export type StockStatus = (typeof STOCK_STATUSES)[number];

export interface StockLevel extends StockKey {
  onHand: number;
  reserved: number;
  available: number;
}

/** `quantity` units of one product in one warehouse. */
export interface Allocation extends StockKey {
  quantity: number;
}

/** One change of a stock row together with the ledger entry that explains it. */
export interface LedgerEntry extends StockKey {
  kind: LedgerKind;
  onHandDelta: number;
  reservedDelta: number;
  /** With `kind` the key under which the effect is applied once. */
  effectId: string;
  reservationId?: string;
  orderId?: string;
  reason?: string;
  reference?: string;
  actor?: string;
}

export interface Shortage {
  sku: string;
  requested: number;
  available: number;
}

/** Why these warehouses, for one SKU: `GET /orders/{id}/sourcing`. */
export interface SourcingDecision {
  sku: string;
  strategy: SourcingStrategy;
  requested: number;
  candidates: {
    warehouse: string;
    /** Great-circle kilometres to the destination; null when it is not known. */
    distanceKm: number | null;
    available: number;
    taken: number;
  }[];
}

export const SOURCING_STRATEGIES = ['nearest', 'fewest_shipments', 'priority'] as const;
export type SourcingStrategy = (typeof SOURCING_STRATEGIES)[number];
