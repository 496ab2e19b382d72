/**
 * `person`: somebody asked for it; `expired`, `recalled`: because of its lot; `count`: a count did not find the units, and they are
 * taken off once nobody is promised them.
 */
export const HOLD_CAUSES = ['person', 'expired', 'recalled', 'count'] as const;
export type HoldCause = (typeof HOLD_CAUSES)[number];

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
  /** Of `open`: promised to somebody, and taken as soon as they are free. */
  awaited: number;
  released: number;
  writtenOff: number;
  /** Left with a parcel all the same. */
  gone: number;
  cause: HoldCause;
  /** Serial numbers on hold. */
  serials: string[];
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
  /** Which units: as many as `quantity`. */
  serials?: readonly string[] | undefined;
  actor: string;
}

export interface QualityDecision {
  holdId: string;
  /** Undefined: all that is still on hold. */
  quantity?: number | undefined;
  /** Serial numbers of these units, as far as they were read off. */
  serials?: readonly string[] | undefined;
  actor: string;
  /** Makes it happen once, however often it is sent. */
  effectId: string;
}
