import type { EventSource } from '../event-log/types';
import type { OrderEvent } from '../orders/types';
import type { Exact } from '../../platform/exact';

/** Sources of the stream whose rows reports count. */
export const REPORT_SOURCES = ['ledger', 'orders', 'money'] as const satisfies readonly EventSource[];

/** Reports that there are files of. */
export const REPORT_KINDS = ['daily', 'monthly', 'cost-of-goods'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

/** A file of a report that somebody asks for. */
export interface ReportJob {
  report: ReportKind;
  /** `YYYY-MM-DD` of a daily one, else `YYYY-MM` */
  period: string;
  /** IANA name */
  tz: string;
}

/** What happens to orders that reports count, by its type in their history. */
export const REPORTED_ORDER_EVENTS = {
  placed: 'order_placed',
  rejected: 'order_rejected',
  expired: 'order_expired',
  cancelled: 'order_cancelled',
  failed: 'order_failed',
  fulfilled: 'order_fulfilled',
} as const satisfies Record<string, OrderEvent['type']>;

export type OrderCounts = Record<keyof typeof REPORTED_ORDER_EVENTS, Exact>;

/** Of one currency, sums of two never mix: units, and minor units. See docs/reports.md for what each is. */
export interface Figures {
  /** ISO 4217 */
  currency: string;
  units: Exact;
  salesMinor: Exact;
  returnedUnits: Exact;
  returnedMinor: Exact;
  capturedMinor: Exact;
  refundedMinor: Exact;
  disputedMinor: Exact;
  /** Captured, less what was refunded and what disputes took. */
  netMinor: Exact;
  feeMinor: Exact;
  /** What the goods cost that left, of those whose cost is known. */
  costMinor: Exact;
  /** Units that left whose cost nobody knows: they are in no cost. */
  uncosted: Exact;
  /** Net, less that cost. */
  marginMinor: Exact;
}

/** An hour of the day, or a day of the month. */
export interface Slot {
  /** When it begins, RFC 3339 UTC. */
  at: string;
  /** The same where the report is about, `YYYY-MM-DDTHH:MM`. */
  local: string;
  orders: OrderCounts;
  figures: Figures[];
}

export interface SalesReport {
  /** `YYYY-MM-DD`, or `YYYY-MM` of a month */
  period: string;
  /** IANA name */
  tz: string;
  /** RFC 3339 UTC; `to` is not in it. */
  from: string;
  to: string;
  /** When it was read: everything that was committed by then is in it. */
  asOf: string;
  /** The period has ended. Something may still come of it: the gateway tells of money later. */
  isOver: boolean;
  orders: OrderCounts;
  totals: Figures[];
  slots: Slot[];
  /** Those with the highest sales of each currency, and null: money of no product. */
  products: (Figures & { sku: string | null })[];
  /** There are products with less. */
  hasMoreProducts: boolean;
  /** Null: products without a category, and money of no product. */
  categories: (Figures & { category: string | null })[];
  /** Null: money of no warehouse. */
  warehouses: (Figures & { warehouse: string | null })[];
  /** Null: money that belongs to no merchant. */
  merchants: (Figures & { merchant: string | null })[];
}
