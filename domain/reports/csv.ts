import { csvLine, Numeral, type CsvValue } from '../../platform/csv';
import type { Exact } from '../../platform/exact';
import { majorUnits, minorDigits } from '../catalog/currencies';
import type { CostReport } from './cost';
import type { Figures, OrderCounts, SalesReport } from './types';

const COLUMNS = [
  ...['by', 'key', 'currency', 'units', 'sales', 'returned_units', 'returned'],
  ...['captured', 'refunded', 'disputed', 'net', 'fee', 'cost', 'uncosted_units', 'margin'],
  ...['placed', 'rejected', 'expired', 'cancelled', 'failed', 'fulfilled'],
];

interface CsvRow {
  by: string;
  /** Null: none. */
  key: string | null;
  figures?: Figures;
  orders?: OrderCounts;
}

/**
 * A report as CSV (RFC 4180): a line for each total, slot, category, warehouse, merchant and product, of each currency, and one for the
 * counts of orders of the period and of each slot. Amounts are in major units with all digits of their currency. What a line does not have is
 * empty.
 */
export function salesCsv(report: SalesReport): string {
  const ofSlot = report.period.length === 'YYYY-MM'.length ? 'day' : 'hour';
  const rows: CsvRow[] = [
    { by: 'orders', key: null, orders: report.orders },
    ...report.totals.map((figures) => ({ by: 'total', key: null, figures })),
    ...report.slots.flatMap(({ at, local, orders, figures }) => {
      const key = ofSlot === 'day' ? local.slice(0, 'YYYY-MM-DD'.length) : at;
      return [
        { by: `orders_by_${ofSlot}`, key, orders },
        ...figures.map((each) => ({ by: ofSlot, key, figures: each })),
      ];
    }),
    ...report.categories.map((figures) => ({ by: 'category', key: figures.category, figures })),
    ...report.warehouses.map((figures) => ({ by: 'warehouse', key: figures.warehouse, figures })),
    ...report.merchants.map((figures) => ({ by: 'merchant', key: figures.merchant, figures })),
    ...report.products.map((figures) => ({ by: 'product', key: figures.sku, figures })),
  ];
  return csvLine(COLUMNS) + rows.map(lineOf).join('');
}

/** What goods cost, as CSV: a line for each product and currency. */
export function costCsv({ products }: CostReport): string {
  const lines = products.map(({ sku, currency, units, costMinor, uncosted }) =>
    csvLine([sku, currency, units, amount(costMinor, currency), uncosted]),
  );
  return csvLine(['sku', 'currency', 'units', 'cost', 'uncosted_units']) + lines.join('');
}

function lineOf({ by, key, figures, orders }: CsvRow): string {
  return csvLine([
    by,
    key,
    ...(figures ? figureCells(figures) : EMPTY_FIGURES),
    ...(orders
      ? [orders.placed, orders.rejected, orders.expired, orders.cancelled, orders.failed, orders.fulfilled]
      : EMPTY_ORDERS),
  ]);
}

function figureCells({ currency, ...figures }: Figures): CsvValue[] {
  const of = (minor: Exact) => amount(minor, currency);
  const { units, salesMinor, returnedUnits, returnedMinor } = figures;
  const { capturedMinor, refundedMinor, disputedMinor, netMinor, feeMinor } = figures;
  const { costMinor, uncosted, marginMinor } = figures;
  return [
    ...[currency, units, of(salesMinor), returnedUnits, of(returnedMinor)],
    ...[capturedMinor, refundedMinor, disputedMinor, netMinor, feeMinor].map(of),
    ...[of(costMinor), uncosted, of(marginMinor)],
  ];
}

/** The currency, and what is of it. */
const EMPTY_FIGURES = Array<null>(13).fill(null);
const EMPTY_ORDERS = Array<null>(6).fill(null);

/** Null: nothing is known in any currency. */
function amount(minor: Exact, currency: string | null): CsvValue {
  return currency === null ? null : new Numeral(majorUnits(BigInt(minor), minorDigits(currency)));
}
