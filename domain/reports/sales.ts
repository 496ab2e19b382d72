import type { Database, Queryable } from '../../platform/database/database';
import { openSnapshot } from '../../platform/database/snapshot';
import { dayAfter } from '../../platform/days';
import { AppError } from '../../platform/errors';
import { exact } from '../../platform/exact';
import { groupBy } from '../../platform/group-by';
import { readFacts, type Fact } from './facts';
import { monthAfter } from './rules';
import {
  selectOrders,
  selectPeriod,
  selectGroupFigures,
  selectSlotFigures,
  selectSlots,
  type FiguresRow,
  type OrdersRow,
  type PeriodRow,
  type SlotUnit,
} from './sales-queries';
import { spansOf, type SpanRange } from './spans';
import { REPORTED_ORDER_EVENTS, type Figures, type OrderCounts, type SalesReport } from './types';
import { expectZone, inZone } from './zones';

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
    if (!isReady) throw reportsBuilding();
    const within = { from: days.from, to: days.to, tz };
    const sums = await sumsOf(tx, days);
    const [slots, bySlot, groups, orders] = await Promise.all([
      selectSlots(tx, unit, within),
      selectSlotFigures(tx, unit, { ...within, facts: sums.facts }),
      selectGroupFigures(tx, sums, shown + 1),
      selectOrders(tx, unit, within),
    ]);
    return { days, slots, bySlot, groups, orders };
  });
  return { period, tz, ...read.days, ...composed(read, shown) };
}

/** The buckets that a period consists of, and what the sums lack of it. */
export async function sumsOf(
  on: Queryable,
  { from, to }: { from: string; to: string },
): Promise<{ spans: SpanRange[]; facts: Fact[] }> {
  const spans = spansOf(Date.parse(from), Date.parse(to));
  return { spans, facts: await readFacts(on, { of: 'unsummed', from, to }) };
}

/** What was there before there were sums, or before they began anew, is being summed. */
export function reportsBuilding(): AppError {
  return new AppError('REPORTS_BUILDING', 'What was there before there were reports is being summed.', {
    retryAfter: 10,
  });
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
  expectZone(days.tz);
  return inZone(days.tz, selectPeriod(on, days));
}

interface Rows {
  slots: readonly { at: string; local: string }[];
  bySlot: readonly FiguresRow[];
  groups: readonly FiguresRow[];
  orders: readonly OrdersRow[];
}

function composed(
  { slots, bySlot, groups, orders }: Rows,
  shown: number,
): Omit<SalesReport, 'period' | 'tz' | 'from' | 'to' | 'asOf' | 'isOver'> {
  const of = (what: FiguresRow['of']) => groups.filter((row) => row.of === what);
  const figuresBySlot = groupBy(bySlot, ({ key }) => key);
  const ordersBySlot = groupBy(orders, ({ slot }) => slot);
  const listed = [...groupBy(of('product'), ({ currency }) => currency).values()].map((rows) => ({
    named: rows.filter(({ key }) => key !== null),
    ofNone: rows.filter(({ key }) => key === null),
  }));
  return {
    orders: countsOf(orders),
    totals: totalsOf(bySlot),
    slots: slots.map((slot) => ({
      ...slot,
      orders: countsOf(ordersBySlot.get(slot.at) ?? []),
      figures: (figuresBySlot.get(slot.at) ?? []).map((row) => figuresOf([row])),
    })),
    products: listed.flatMap(({ named, ofNone }) =>
      [...named.slice(0, shown), ...ofNone].map((row) => ({ sku: row.key, ...figuresOf([row]) })),
    ),
    hasMoreProducts: listed.some(({ named }) => named.length > shown),
    categories: of('category').map((row) => ({ category: row.key, ...figuresOf([row]) })),
    warehouses: of('warehouse').map((row) => ({ warehouse: row.key, ...figuresOf([row]) })),
    merchants: of('merchant').map((row) => ({ merchant: row.key, ...figuresOf([row]) })),
  };
}

/** Sums of each currency, by its code. */
function totalsOf(rows: readonly FiguresRow[]): Figures[] {
  const currencies = [...groupBy(rows, ({ currency }) => currency)].sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
  return currencies.map(([, mine]) => figuresOf(mine));
}

/** @param rows of one currency, one at least */
function figuresOf(rows: readonly FiguresRow[]): Figures {
  const of = (figure: Exclude<keyof FiguresRow, 'of' | 'key' | 'currency'>) =>
    rows.reduce((sum, row) => sum + BigInt(row[figure]), 0n);
  const [captured, refunded, disputed] = [of('capturedMinor'), of('refundedMinor'), of('disputedMinor')];
  const [net, cost] = [captured - refunded - disputed, of('costMinor')];
  return {
    currency: rows[0]?.currency ?? '',
    units: exact(of('units')),
    salesMinor: exact(of('salesMinor')),
    returnedUnits: exact(of('returnedUnits')),
    returnedMinor: exact(of('returnedMinor')),
    capturedMinor: exact(captured),
    refundedMinor: exact(refunded),
    disputedMinor: exact(disputed),
    netMinor: exact(net),
    feeMinor: exact(of('feeMinor')),
    costMinor: exact(cost),
    uncosted: exact(of('uncostedUnits')),
    marginMinor: exact(net - cost),
  };
}

function countsOf(rows: readonly OrdersRow[]): OrderCounts {
  const count = (type: string) =>
    exact(rows.reduce((sum, row) => (row.type === type ? sum + BigInt(row.count) : sum), 0n));
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
