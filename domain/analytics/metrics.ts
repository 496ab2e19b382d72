import { exact, type Exact } from '../../platform/exact';
import { NO_CURRENCY } from '../catalog/currencies';
import type { GroupRow } from './groups-queries';
import { growth, ratio } from './rules';

/** Units of a group; see docs/analytics.md for what each is. */
export interface UnitMetrics {
  sold: Exact;
  received: Exact;
  returned: Exact;
  adjusted: Exact;
  /** Into its warehouses from others, less out of them. */
  transferred: Exact;
  /** What orders asked for, and what of it was not there; null where that is not known by what is asked for. */
  ordered: Exact | null;
  short: Exact | null;
  opening: Exact;
  closing: Exact;
  /** On hand in the mean of time; null: no time has passed. */
  average: number | null;
}

/** What a group was sold for and cost, of one currency: two never add. */
export interface ValueMetrics {
  /** ISO 4217 */
  currency: string;
  pricedUnits: Exact;
  revenueMinor: Exact;
  returnedMinor: Exact;
  costedUnits: Exact;
  costMinor: Exact;
  /** Null: of some units only the price is known, or only the cost. */
  marginMinor: Exact | null;
  marginRate: number | null;
  /** Of revenue. */
  share: number | null;
  growth: number | null;
}

export interface GroupMetrics {
  units: UnitMetrics;
  turnover: number | null;
  turnoverAnnual: number | null;
  daysOfCover: number | null;
  sellThrough: number | null;
  fillRate: number | null;
  /** Of the units that were sold. */
  share: number | null;
  growth: number | null;
  values: ValueMetrics[];
}

/** What of a period metrics are about. */
export interface MetricsPeriod {
  /** That have passed of it. */
  seconds: number;
  /** What was sold can be compared with the period before: this one has ended, and that one is known. */
  isComparable: boolean;
  /** Orders' demand is known. */
  hasDemand: boolean;
}

const DAY_SECONDS = 86_400;
const YEAR_DAYS = 365;

/**
 * Metrics of a group: ratios divide sums, so those of a group are not the mean of those of its products.
 *
 * @param rows its sums, by currency
 * @param whole the sums of everything that its share is of
 */
export function metricsOf(
  rows: readonly GroupRow[],
  whole: readonly GroupRow[],
  { seconds, isComparable, hasDemand }: MetricsPeriod,
): GroupMetrics {
  const units = rows.find(({ currency }) => currency === NO_CURRENCY);
  const big = (column: keyof Omit<GroupRow, 'key' | 'currency'>) => BigInt(units?.[column] ?? 0);
  const [sold, opening, received] = [big('sold'), big('opening'), big('received')];
  const [ordered, short] = [big('ordered'), big('short')];
  const closing = opening + big('net');
  const average = ratio(opening * BigInt(seconds) + big('seconds'), seconds);
  const turnover = average === null ? null : ratio(Number(sold), average);
  const days = seconds / DAY_SECONDS;
  const allSold = BigInt(whole.find(({ currency }) => currency === NO_CURRENCY)?.sold ?? 0);
  return {
    units: {
      sold: exact(sold),
      received: exact(received),
      returned: exact(big('returned')),
      adjusted: exact(big('adjusted')),
      transferred: exact(big('transferred')),
      ordered: hasDemand ? exact(ordered) : null,
      short: hasDemand ? exact(short) : null,
      opening: exact(opening),
      closing: exact(closing),
      average,
    },
    turnover,
    turnoverAnnual: turnover === null ? null : ratio(turnover * YEAR_DAYS, days),
    daysOfCover: ratio(Number(closing) * days, Number(sold)),
    sellThrough: ratio(sold, opening + received),
    fillRate: hasDemand ? ratio(ordered - short, ordered) : null,
    share: ratio(sold, allSold),
    growth: isComparable ? growth(sold, big('soldBefore')) : null,
    values: rows
      .filter(({ currency }) => currency !== NO_CURRENCY)
      .map((row) => valuesOf(row, whole, isComparable)),
  };
}

function valuesOf(row: GroupRow, whole: readonly GroupRow[], isComparable: boolean): ValueMetrics {
  const [revenue, cost] = [BigInt(row.revenue), BigInt(row.cost)];
  const hasMargin = row.priced === row.costed;
  const allRevenue = BigInt(whole.find(({ currency }) => currency === row.currency)?.revenue ?? 0);
  return {
    currency: row.currency,
    pricedUnits: exact(row.priced),
    revenueMinor: exact(revenue),
    returnedMinor: exact(row.returnedMinor),
    costedUnits: exact(row.costed),
    costMinor: exact(cost),
    marginMinor: hasMargin ? exact(revenue - cost) : null,
    marginRate: hasMargin ? ratio(revenue - cost, revenue) : null,
    share: ratio(revenue, allRevenue),
    growth: isComparable ? growth(revenue, BigInt(row.revenueBefore)) : null,
  };
}
