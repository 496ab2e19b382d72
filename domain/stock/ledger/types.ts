/** `charging` is shown to API clients as `pending`. */
export type ReservationStatus = 'pending' | 'charging' | 'confirmed' | 'shipped' | 'cancelled' | 'expired';

export type LedgerKind =
  | 'opening'
  | 'receipt'
  | 'adjust'
  | 'reserve'
  | 'allocate'
  | 'release'
  | 'expire'
  | 'ship'
  | 'transfer_out'
  | 'transfer_in'
  | 'return'
  | 'count'
  | 'write_off'
  | 'repair'
  | 'quality_hold'
  | 'quality_release'
  | 'feed';

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
export type StockStatus = 'available' | 'low_stock' | 'out_of_stock';

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

export type SourcingStrategy = 'nearest' | 'fewest_shipments' | 'priority';
