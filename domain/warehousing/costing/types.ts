export type ValuationMethod = 'fifo' | 'average';

/** Units that came in together at one cost and are still on hand. */
export interface CostLayer {
  receiptId: string;
  supplierReference: string;
  receivedAt: string;
  quantity: number;
  /** Of one unit, minor units; null: not known. */
  unitCostMinor: number | null;
}

export interface ProductValuation {
  sku: string;
  method: ValuationMethod;
  /** ISO 4217; null: no cost is known. */
  currency: string | null;
  onHand: number;
  /** Minor units, of the units whose cost is known. */
  valueMinor: number;
  /** Units on hand whose cost nobody knows. */
  uncosted: number;
  /** Minor units, with a fraction: what one unit costs on average by this method. */
  unitCostMinor: number | null;
  /** By FIFO, newest first. */
  layers?: CostLayer[];
}

export interface Valuation {
  method: ValuationMethod;
  totals: { currency: string; products: number; quantity: number; valueMinor: number }[];
  /** Units on hand whose cost nobody knows. */
  uncosted: number;
}

/** A line of the valuation report. */
export interface ValuedProduct {
  sku: string;
  /** Units on hand at the places the report is about. */
  quantity: number;
  /** ISO 4217; null: no cost is known. */
  currency: string | null;
  /** Minor units, of the units whose cost is known. */
  valueMinor: number;
  /** Units on hand whose cost nobody knows. */
  uncosted: number;
  /** Minor units, with a fraction: what one unit costs on average by this method; null: no cost is known. */
  unitCostMinor: number | null;
}

/** What a valuation is about: all products of all locations, or fewer. */
export interface ValuationRequest {
  method: ValuationMethod;
  /** Warehouse code. */
  location?: string | undefined;
  /** Code of a category. */
  category?: string | undefined;
}
