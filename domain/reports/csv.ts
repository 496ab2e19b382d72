import { csvLine, Numeral, type CsvValue } from '../../platform/csv';
import type { Exact } from '../../platform/exact';
import { majorUnits, minorDigits } from '../catalog/currencies';
import type { CostReport } from './cost';
import type { MoneyFigures, OrderCounts, SalesFigures, SalesReport } from './types';

const COLUMNS = [
  ...['by', 'key', 'currency', 'units', 'sales', 'returned_units', 'returned'],
  ...['captured', 'refunded', 'disputed', 'net', 'fee'],
  ...['placed', 'rejected', 'expired', 'cancelled', 'failed', 'fulfilled'],
];

interface CsvRow {
  by: string;
  /** Null: none. */
  key: string | null;
  currency?: string;
  sales?: SalesFigures;
  money?: MoneyFigures;
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
    ...report.totals.map((figures) => both({ by: 'total', key: null }, figures)),
    ...report.slots.flatMap(({ at, local, orders, figures }) => {
      const key = ofSlot === 'day' ? local.slice(0, 'YYYY-MM-DD'.length) : at;
      return [
        { by: `orders_by_${ofSlot}`, key, orders },
        ...figures.map((each) => both({ by: ofSlot, key }, each)),
      ];
    }),
    ...report.categories.map((each) => sold({ by: 'category', key: each.category }, each)),
    ...report.warehouses.map((each) => sold({ by: 'warehouse', key: each.warehouse }, each)),
    ...report.merchants.map((each) => both({ by: 'merchant', key: each.merchant }, each)),
    ...report.products.map((each) => sold({ by: 'product', key: each.sku }, each)),
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

type Named = Pick<CsvRow, 'by' | 'key'>;

function sold(row: Named, sales: SalesFigures & { currency: string }): CsvRow {
  return { ...row, currency: sales.currency, sales };
}

function both(row: Named, figures: SalesFigures & MoneyFigures & { currency: string }): CsvRow {
  return { ...sold(row, figures), money: figures };
}

function lineOf({ by, key, currency = '', sales, money, orders }: CsvRow): string {
  const of = (minor: Exact) => amount(minor, currency);
  return csvLine([
    by,
    key,
    currency,
    ...(sales
      ? [sales.units, of(sales.salesMinor), sales.returnedUnits, of(sales.returnedMinor)]
      : EMPTY_SALES),
    ...(money
      ? [money.capturedMinor, money.refundedMinor, money.disputedMinor, money.netMinor, money.feeMinor].map(
          of,
        )
      : EMPTY_MONEY),
    ...(orders
      ? [orders.placed, orders.rejected, orders.expired, orders.cancelled, orders.failed, orders.fulfilled]
      : EMPTY_ORDERS),
  ]);
}

const EMPTY_SALES = Array<null>(4).fill(null);
const EMPTY_MONEY = Array<null>(5).fill(null);
const EMPTY_ORDERS = Array<null>(6).fill(null);

/** Null: nothing is known in any currency. */
function amount(minor: Exact, currency: string | null): CsvValue {
  return currency === null ? null : new Numeral(majorUnits(BigInt(minor), minorDigits(currency)));
}
