/** Where an order goes: a point (degrees, WGS 84) or the name of a region. */
export type ShipTo = { latitude: number; longitude: number } | { region: string };

/** What could not be reserved of a SKU, in units. */
export interface Shortage {
  sku: string;
  requested: number;
  available: number;
}

export const SOURCING_STRATEGIES = ['nearest', 'fewest_shipments', 'balanced', 'priority'] as const;
export type SourcingStrategy = (typeof SOURCING_STRATEGIES)[number];

/** Why these warehouses, for one SKU: `GET /orders/{id}/sourcing`. */
export interface SourcingDecision {
  sku: string;
  strategy: SourcingStrategy;
  requested: number;
  /** Of a strategy that chooses warehouses for all lines together. */
  why?: {
    /** Warehouses that were chosen, over all lines. */
    shipments: number;
    /** `exact`: fewer have it not; `greedy`: there were too many to try all. */
    search: 'exact' | 'greedy';
    /** `balanced`: farther ones were asked only for what these lack. */
    withinKm?: number;
  };
  candidates: {
    warehouse: string;
    /** Great-circle kilometres to the destination; null when it is not known. */
    distanceKm: number | null;
    available: number;
    taken: number;
  }[];
}
