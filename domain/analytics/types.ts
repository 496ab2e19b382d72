import type { EventSource } from '../event-log/types';

/** Sources of the stream whose rows analytics sum. */
export const ANALYTICS_SOURCES = ['ledger', 'orders'] as const satisfies readonly EventSource[];

/** Units that the sums count, of the currency `NO_CURRENCY`: no money is meant; see docs/analytics.md for what each is. */
export const UNIT_MEASURES = [
  'sold_units',
  'received_units',
  'returned_units',
  'adjusted_units',
  'transferred_units',
  'opened_units',
  'reserved_units',
] as const;

/** What the sums count of a currency. */
export const VALUE_MEASURES = [
  'priced_units',
  'revenue_minor',
  'returned_minor',
  'costed_units',
  'cost_minor',
] as const;

/** What orders asked for, by day and month only: not by warehouse. */
export const DEMAND_MEASURES = ['ordered_units', 'short_units'] as const;

/** Of what is at no warehouse, and of products without a category. */
export const NONE = 0;

/** By what the sums of categories are kept. */
export const GRAINS = ['hour', 'day', 'month'] as const;
export type Grain = (typeof GRAINS)[number];
