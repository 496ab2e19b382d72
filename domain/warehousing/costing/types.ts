import type { Exact } from '../../../platform/exact';

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
  /** Units on their way between locations: on hand nowhere, and still ours. */
  inTransit: number;
  /** Minor units, of the units on hand and on their way whose cost is known. */
  valueMinor: Exact;
  /** Units on hand and on their way whose cost nobody knows. */
  uncosted: Exact;
  /** Minor units, with a fraction: what one unit costs on average by this method. */
  unitCostMinor: number | null;
  /** By FIFO, newest first. */
  layers?: CostLayer[];
  /** Of a time in the past. */
  asOf?: string;
  final?: boolean;
}

export interface Valuation {
  method: ValuationMethod;
  totals: { currency: string; products: number; quantity: Exact; valueMinor: Exact }[];
  /** Units whose cost nobody knows. */
  uncosted: Exact;
  /** Of a time in the past. */
  asOf?: string;
  final?: boolean;
}

/** A line of the valuation report. */
export interface ValuedProduct {
  sku: string;
  /** Units on hand at the place that the report is about; of all places also those on their way between them. */
  quantity: Exact;
  /** ISO 4217; null: no cost is known. */
  currency: string | null;
  /** Minor units, of the units whose cost is known. */
  valueMinor: Exact;
  /** Those of them whose cost nobody knows. */
  uncosted: Exact;
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
  /** As the ledger has it at this time: RFC 3339, to the microsecond. Now unless given. */
  asOf?: string | undefined;
}
