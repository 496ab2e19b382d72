/** What a product keeps beside counts. */
export interface TrackedProduct {
  productId: number;
  sku: string;
  /** ISO 4217, of its price. */
  currency: string;
  lotTracked: boolean;
  serialised: boolean;
}

/** Units of one lot that an entry of the ledger brings or takes. */
export interface LotMove {
  productId: number;
  warehouseId: number;
  code: string;
  /** YYYY-MM-DD; null: it does not expire. */
  expiresOn: string | null;
  /** Signed. */
  units: number;
}

/** The entry of the ledger on whose behalf lots or serial numbers move. */
export interface MovingEntry {
  kind: string;
  effectId: string;
  orderId: string | null;
  reference: string | null;
}

export interface LotView {
  code: string;
  warehouse: string;
  /** YYYY-MM-DD: the last day on which it may be sold; null: it does not expire. */
  expiresOn: string | null;
  expired: boolean;
  quantity: number;
  /** Of `quantity`, on quality hold. */
  held: number;
}

export type SerialStatus = 'in_stock' | 'in_transit' | 'shipped' | 'written_off' | 'removed';

export interface SerialView {
  serial: string;
  sku: string;
  /** Where it is, or was last. */
  warehouse: string;
  status: SerialStatus;
  receiptId: string | null;
  /** The order it went out with. */
  orderId: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface LotMovementView {
  at: string;
  warehouse: string;
  /** Of the entry of the ledger. */
  kind: string;
  /** Signed. */
  quantity: number;
  orderId: string | null;
  reference: string | null;
}

export interface SerialMovementView {
  at: string;
  kind: string;
  warehouse: string;
  orderId: string | null;
}
