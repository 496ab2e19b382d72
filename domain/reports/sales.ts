import type { Database, Queryable } from '../../platform/database/database';
import { AppError, sqlState } from '../../platform/errors';
import { exact, type Exact } from '../../platform/exact';
import { isIanaZone } from '../../platform/iana-zone';
import { dayAfter, monthAfter } from './rules';
import {
  openSnapshot,
  selectMoney,
  selectOrders,
  selectPeriod,
  selectSales,
  selectSlots,
  type MoneyRow,
  type OrdersRow,
  type PeriodRow,
  type SalesRow,
  type SlotUnit,
} from './sales-queries';
import {
  REPORTED_ORDER_EVENTS,
  type Figures,
  type MoneyFigures,
  type OrderCounts,
  type SalesFigures,
  type SalesReport,
} from './types';

export interface ReportRequest {
  /** IANA name of the time zone whose days are meant. */
  tz: string;
  /** How many products are listed of each currency at most; Infinity: all. */
  products: number;
}

/**
 * What was sold on a day and what money moved, hour by hour, right to the last transaction that was committed: sums up to a position of the
 * stream, and what came since, in one snapshot. Locks nothing.
 *
 * @param date `YYYY-MM-DD`
 * @throws AppError `UNKNOWN_ZONE`; `REPORTS_BUILDING`: what was there before there were reports is being summed
 */
export function dailyReport(
  db: Database,
  { date, ...request }: ReportRequest & { date: string },
): Promise<SalesReport> {
  return report(db, request, { period: date, unit: 'hour', first: date, after: dayAfter(date) });
}

/**
 * The same of a month, day by day.
 *
 * @param month `YYYY-MM`
 * @throws AppError as `dailyReport`
 */
export function monthlyReport(
  db: Database,
  { month, ...request }: ReportRequest & { month: string },
): Promise<SalesReport> {
  return report(db, request, {
    period: month,
    unit: 'day',
    first: `${month}-01`,
    after: `${monthAfter(month)}-01`,
  });
}

interface Days {
  period: string;
  unit: SlotUnit;
  first: string;
  after: string;
}

/** Of `int`: more products than that there are not. */
const ALL = 2_147_483_646;

async function report(
  db: Database,
  { tz, products }: ReportRequest,
  { period, unit, first, after }: Days,
): Promise<SalesReport> {
  const shown = Math.min(products, ALL);
  const read = await db.transaction(async (tx) => {
    await openSnapshot(tx);
    const { isReady, ...days } = await periodOf(tx, { first, after, tz });
    if (!isReady)
      throw new AppError('REPORTS_BUILDING', 'What was there before there were reports is being summed.', {
        retryAfter: 10,
      });
    const within = { from: days.from, to: days.to, tz };
    const [slots, sales, money, orders] = await Promise.all([
      selectSlots(tx, unit, within),
      selectSales(tx, unit, { ...within, products: shown + 1 }),
      selectMoney(tx, unit, within),
      selectOrders(tx, unit, within),
    ]);
    return { days, slots, sales, money, orders };
  });
  return { period, tz, ...read.days, ...composed(read, shown) };
}

/**
 * When days of a time zone begin and end, as of now.
 *
 * @param days.after the day before which it ends, `YYYY-MM-DD` as `first`
 * @throws AppError `UNKNOWN_ZONE`
 */
export async function periodOf(
  on: Queryable,
  days: { first: string; after: string; tz: string },
): Promise<PeriodRow> {
  if (!isIanaZone(days.tz)) throw unknownZone(days.tz);
  return selectPeriod(on, days).catch((error: unknown) => {
    // PostgreSQL may know fewer time zones than this process.
    throw sqlState(error) === INVALID_PARAMETER ? unknownZone(days.tz) : error;
  });
}

const INVALID_PARAMETER = '22023';

/** Of a name that is none. */
export function unknownZone(tz: string): AppError {
  return new AppError(
    'UNKNOWN_ZONE',
    `There is no time zone ${tz}. Give its IANA name, such as Europe/Paris.`,
  );
}

interface Rows {
  slots: readonly { at: string; local: string }[];
  sales: readonly SalesRow[];
  money: readonly MoneyRow[];
  orders: readonly OrdersRow[];
}

function composed(
  { slots, sales, money, orders }: Rows,
  shown: number,
): Omit<SalesReport, 'period' | 'tz' | 'from' | 'to' | 'asOf' | 'isOver'> {
  const of = (what: SalesRow['of']) => sales.filter((row) => row.of === what);
  const bySlot = of('slot');
  const products = byCurrency(of('product'));
  return {
    orders: countsOf(orders),
    totals: figuresOf(bySlot, money),
    slots: slots.map((slot) => ({
      ...slot,
      orders: countsOf(orders.filter((row) => row.slot === slot.at)),
      figures: figuresOf(
        bySlot.filter(({ key }) => key === slot.at),
        money.filter((row) => row.slot === slot.at),
      ),
    })),
    products: products.flatMap((rows) =>
      rows.slice(0, shown).map((row) => ({ sku: row.key ?? '', ...currencyAndSales(row) })),
    ),
    hasMoreProducts: products.some((rows) => rows.length > shown),
    categories: of('category').map((row) => ({ category: row.key, ...currencyAndSales(row) })),
    warehouses: of('warehouse').map((row) => ({ warehouse: row.key ?? '', ...currencyAndSales(row) })),
    merchants: merchantsOf(of('merchant'), money),
  };
}

function byCurrency<Row extends { currency: string }>(rows: readonly Row[]): Row[][] {
  const currencies = [...new Set(rows.map(({ currency }) => currency))].sort();
  return currencies.map((currency) => rows.filter((row) => row.currency === currency));
}

function merchantsOf(sales: readonly SalesRow[], money: readonly MoneyRow[]): SalesReport['merchants'] {
  const codes = [...new Set([...sales.map(({ key }) => key), ...money.map(({ merchant }) => merchant)])];
  return codes.sort(bytewise).flatMap((merchant) =>
    figuresOf(
      sales.filter(({ key }) => key === merchant),
      money.filter((row) => row.merchant === merchant),
    ).map((figures) => ({ merchant, ...figures })),
  );
}

/** Null is last. */
function bytewise(one: string | null, other: string | null): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Sums of each currency that is in any of the rows, by its code. */
function figuresOf(sales: readonly SalesRow[], money: readonly MoneyRow[]): Figures[] {
  const currencies = [...new Set([...sales, ...money].map(({ currency }) => currency))].sort();
  return currencies.map((currency) => ({
    currency,
    ...salesFigures(sales.filter((row) => row.currency === currency)),
    ...moneyFigures(money.filter((row) => row.currency === currency)),
  }));
}

function currencyAndSales(row: SalesRow): { currency: string } & SalesFigures {
  return { currency: row.currency, ...salesFigures([row]) };
}

function salesFigures(rows: readonly SalesRow[]): SalesFigures {
  return {
    units: sum(rows, ({ units }) => units),
    salesMinor: sum(rows, ({ salesMinor }) => salesMinor),
    returnedUnits: sum(rows, ({ returnedUnits }) => returnedUnits),
    returnedMinor: sum(rows, ({ returnedMinor }) => returnedMinor),
  };
}

function moneyFigures(rows: readonly MoneyRow[]): MoneyFigures {
  const [captured, refunded, disputed] = [
    total(rows, ({ capturedMinor }) => capturedMinor),
    total(rows, ({ refundedMinor }) => refundedMinor),
    total(rows, ({ disputedMinor }) => disputedMinor),
  ];
  return {
    capturedMinor: exact(captured),
    refundedMinor: exact(refunded),
    disputedMinor: exact(disputed),
    netMinor: exact(captured - refunded - disputed),
    feeMinor: sum(rows, ({ feeMinor }) => feeMinor),
  };
}

function countsOf(rows: readonly OrdersRow[]): OrderCounts {
  const count = (type: string) =>
    sum(
      rows.filter((row) => row.type === type),
      (row) => row.count,
    );
  const { placed, rejected, expired, cancelled, failed, fulfilled } = REPORTED_ORDER_EVENTS;
  return {
    placed: count(placed),
    rejected: count(rejected),
    expired: count(expired),
    cancelled: count(cancelled),
    failed: count(failed),
    fulfilled: count(fulfilled),
  };
}

function total<Row>(rows: readonly Row[], of: (row: Row) => string): bigint {
  return rows.reduce((before, row) => before + BigInt(of(row)), 0n);
}

function sum<Row>(rows: readonly Row[], of: (row: Row) => string): Exact {
  return exact(total(rows, of));
}
