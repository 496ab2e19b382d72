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
  'ship_late',
] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** Units that left for a customer. */
export const SOLD_LEDGER_KINDS = ['ship', 'ship_late'] as const satisfies readonly LedgerKind[];

/** What moves units from one warehouse to another. */
export const TRANSFER_LEDGER_KINDS = ['transfer_out', 'transfer_in'] as const satisfies readonly LedgerKind[];

/** Key of one stock row. Locked everywhere in the order (productId, warehouseId). */
export interface StockKey {
  productId: number;
  warehouseId: number;
}

/** `low_stock`: at or below its threshold. */
export const STOCK_STATUSES = ['available', 'low_stock', 'out_of_stock'] as const;
export type StockStatus = (typeof STOCK_STATUSES)[number];

/** What one stock row counts. */
export interface StockLevel extends StockKey {
  onHand: number;
  reserved: number;
  /** What may be promised to customers: neither reserved nor kept back as safety stock. */
  available: number;
  /** Kept back from customers, as far as it is there. */
  safetyStock: number;
  lowStockThreshold: number;
}

/** `quantity` units of one product in one warehouse. */
export interface Allocation extends StockKey {
  quantity: number;
}

/** Units that have left with a parcel although nothing is reserved for them. */
export interface GoneUnits extends Allocation {
  shipmentId: string;
  orderId: string;
}

/** Changes of a stock row's counters. */
export interface StockChange extends StockKey {
  onHandDelta: number;
  reservedDelta: number;
}

/** Of an entry that is no movement: it corrects what the books say. */
export interface Correction {
  /**
   * As of when it takes effect: RFC 3339, UTC, with microseconds. Null: right after the newest absolute number of the stock row
   * or of its lots, so that the next newer one supersedes it.
   */
  asOf: string | null;
  /** The absolute number that the entry brings the stock to as of then; undefined: it corrects by its delta. */
  number?: number;
}

/** One change of a stock row together with the ledger entry that explains it. */
export interface LedgerEntry extends StockChange {
  kind: LedgerKind;
  /** With `kind` the key under which the effect is applied once. */
  effectId: string;
  reservationId?: string;
  orderId?: string;
  reason?: string;
  reference?: string;
  /** `system` unless given. */
  actor?: string;
  /** Undefined: it is a movement, which takes effect when it is written. */
  correction?: Correction;
}

/** A new reservation with the units it takes. */
export interface NewReservation {
  id: string;
  /** `order`: of an order; `hold`: without one; `allocation`: kept for backorders; `quality`: on quality hold. */
  kind: 'order' | 'hold' | 'allocation' | 'quality';
  orderId: string | null;
  /** Its number among the reservations of its order; 1 unless given. */
  seq?: number;
  status: 'pending' | 'charging' | 'confirmed';
  attempt: number;
  /** Seconds until it falls due; null: it never does, unless `expiresAt` is given. */
  holdSeconds: number | null;
  /** When it falls due, instead of `holdSeconds` from now. */
  expiresAt?: Date | null;
  /** The caller who made it, and the actor of its entries in the ledger; nobody in particular unless given. */
  owner?: string | undefined;
  /** What the caller calls the thing it reserves stock for. */
  reference?: string | null;
  /** What the caller calls the reservation, and the fingerprint of its request. */
  own?: OwnReference | null;
  allocations: readonly Allocation[];
}

/** A caller's own name of a reservation. */
export interface OwnReference {
  reference: string;
  /** Of what was asked for under it, but for the time: something else under the same name is refused. */
  fingerprint: string;
}

/** Reservations that are written together, and how the ledger explains them. */
export interface ReservationBatch {
  kind: Extract<LedgerKind, 'reserve' | 'allocate' | 'quality_hold'>;
  reservations: readonly NewReservation[];
  reason?: string;
  /** `system` unless given. */
  actor?: string;
}

/** Rows of `feed_changes` from after `after` up to and with `upTo`. */
export interface StagedBatch {
  feedId: number;
  after: number;
  upTo: number;
}

/** Why a staged row cannot be applied. */
export const STAGED_REFUSALS = [
  'WOULD_GO_NEGATIVE',
  'BELOW_RESERVED',
  'QUANTITY_OVERFLOW',
  'OVERTAKEN',
  'LOT_MISSING',
  'SERIAL_TRACKED',
  'ASOF_IN_FUTURE',
  'ASOF_BEFORE_RETENTION',
] as const;
export type StagedRefusal = (typeof STAGED_REFUSALS)[number];

export interface StagedChanges extends StagedBatch {
  /** `set`: quantities are what is on hand; `delta`: what is added or taken. */
  mode: 'set' | 'delta';
  /** As of when the rows of a `set` are true that do not say so themselves. RFC 3339. */
  asOf: string;
  /** All entries share it, so that the batch is applied once and costs one ledger key. */
  effectId: string;
  reference: string;
  actor: string;
  /** Makes stock rows that are missing first, instead of finding out that they are. */
  makeRows: boolean;
  /** What a refused row is told. */
  refusals: Readonly<Record<StagedRefusal, string>>;
}

/** Source rows, of which several may be summed in one staged row. */
export interface StagedCounts {
  applied: number;
  unchanged: number;
  rejected: number;
}
