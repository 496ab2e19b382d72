export interface QualityHoldView {
  id: string;
  sku: string;
  location: string;
  /** Code of the lot; null where the product keeps none. */
  lot: string | null;
  status: 'open' | 'closed';
  quantity: number;
  /** Still on hold. */
  open: number;
  released: number;
  writtenOff: number;
  reason: string;
  actor: string;
  createdAt: string;
  updatedAt: string;
}

export interface NewQualityHold {
  holdId: string;
  sku: string;
  /** Warehouse code. */
  location: string;
  quantity: number;
  reason: string;
  /** Of a lot-tracked product. */
  lot?: string | undefined;
  actor: string;
}

export interface QualityDecision {
  holdId: string;
  /** Undefined: all that is still on hold. */
  quantity?: number | undefined;
  /** Serial numbers of units that are written off, as far as they were read off. */
  serials?: readonly string[] | undefined;
  actor: string;
  /** Makes it happen once, however often it is sent. */
  effectId: string;
}
