import type { Database, Transaction } from '../../platform/database/database';
import { groupBy } from '../../platform/group-by';
import { findCategoryId } from '../catalog/categories';
import { findWarehouseId } from '../catalog/warehouses';
import {
  selectPlaces,
  selectProducts,
  type GroupRow,
  type Narrow,
  type PartPiece,
  type ReadPeriod,
} from './groups-queries';
import { metricsOf, type GroupMetrics, type MetricsPeriod } from './metrics';
import { LONGEST_TAIL, readPeriodOf, withSums, type AnalyticsPeriod, type Standing } from './period';
import { piecesOf } from './rules';

/** By what metrics are told. */
export const GROUPINGS = ['category', 'warehouse', 'region', 'product'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface AnalyticsRequest extends AnalyticsPeriod {
  groupBy: Grouping;
  /** Codes; only what is in this category, and at this warehouse. */
  category?: string | undefined;
  location?: string | undefined;
  /** Of products: this one only. */
  sku?: string | undefined;
  /** Of products: those after this SKU, so many. */
  after?: string | undefined;
  limit: number;
}

export interface AnalyticsGroup extends GroupMetrics {
  /** Code of the category or warehouse, the region, or SKU; null: products without a category. */
  key: string | null;
}

export interface InventoryAnalytics extends AnalyticsPeriod, Standing {
  groupBy: Grouping;
  /** The period has ended. */
  isOver: boolean;
  /** Of everything that the filters leave. */
  totals: GroupMetrics;
  items: AnalyticsGroup[];
  /** Of products: where the next page begins; null: there are no more. */
  next: string | null;
}

/**
 * What moved, was sold and lay in stock in a period, by category, warehouse, region or product, right to the last transaction that was
 * committed: sums up to a position of the stream, and what came since, in one snapshot. Locks nothing.
 *
 * @throws AppError `UNKNOWN_ZONE`, `ZONE_NOT_WHOLE_HOURS`, `VALIDATION_FAILED`: of products, days are those of UTC; `UNKNOWN_CATEGORY`,
 *   `UNKNOWN_LOCATION`; `ASOF_BEFORE_RETENTION`; `ANALYTICS_BUILDING`: what was there before is being summed
 * @param longestTail rows that are read beside the sums, at most
 */
export function inventoryAnalytics(
  db: Database,
  request: AnalyticsRequest,
  longestTail = LONGEST_TAIL,
): Promise<InventoryAnalytics> {
  return withSums(db, longestTail, async (tx, standing, place) => {
    const { groupBy: grouping, from, to, tz } = request;
    const { asOf } = standing;
    const period = await readPeriodOf(tx, request, { asOf, place, onlyUtc: grouping === 'product' });
    const narrow: Narrow = {
      withTail: !standing.stale,
      categoryId: request.category === undefined ? null : await findCategoryId(tx, request.category),
      warehouseId: request.location === undefined ? null : await findWarehouseId(tx, request.location),
    };
    const pieces = partsOf(period.read);
    const whole = await selectPlaces(tx, 'total', period.read, narrow, pieces);
    const { rows, next } =
      grouping === 'product'
        ? await productPage(tx, request, period.read, narrow)
        : { rows: await selectPlaces(tx, grouping, period.read, narrow, pieces), next: null };
    // Demand is known by day, and by no warehouse.
    const byDay = pieces.every(({ grain }) => grain !== 'hour');
    const about: MetricsPeriod = {
      seconds: period.seconds,
      isComparable: period.isComparable,
      hasDemand: byDay && narrow.warehouseId === null,
    };
    const isByPlace = grouping === 'warehouse' || grouping === 'region';
    const ofGroup: MetricsPeriod = { ...about, hasDemand: about.hasDemand && !isByPlace };
    return {
      groupBy: grouping,
      from,
      to,
      tz,
      ...standing,
      isOver: period.isOver,
      totals: metricsOf(whole, whole, about),
      items: [...groupBy(rows, (row) => row.key)].map(([key, mine]) => ({
        key,
        ...metricsOf(mine, whole, ofGroup),
      })),
      next,
    };
  });
}

async function productPage(
  tx: Transaction,
  { sku, after = '', limit }: AnalyticsRequest,
  read: ReadPeriod,
  narrow: Narrow,
): Promise<{ rows: GroupRow[]; next: string | null }> {
  const found = await selectProducts(tx, read, narrow, { sku: sku ?? null, after, limit: limit + 1 });
  const keys = [...new Set(found.map(({ key }) => key))];
  const shown = new Set(keys.slice(0, limit));
  return {
    rows: found.filter(({ key }) => shown.has(key)),
    next: keys.length > limit ? (keys[limit - 1] ?? null) : null,
  };
}

/** The buckets of what is read: what was there when the period began, the period, and the one before it. */
function partsOf({ before, from, to }: ReadPeriod): PartPiece[] {
  const [begin, first, end] = [Date.parse(before), Date.parse(from), Date.parse(to)];
  const of = (part: PartPiece['part'], after: number, until: number): PartPiece[] =>
    piecesOf(after, until).map((piece) => ({
      part,
      grain: piece.grain,
      from: piece.from === -Infinity ? '-infinity' : new Date(piece.from).toISOString(),
      to: new Date(piece.to).toISOString(),
    }));
  return [...of('opening', -Infinity, first), ...of('period', first, end), ...of('before', begin, first)];
}
