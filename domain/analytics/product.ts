import type { Database } from '../../platform/database/database';
import { exact, type Exact } from '../../platform/exact';
import { selectProductId } from '../catalog/product-ids';
import { findWarehouseId } from '../catalog/warehouses';
import { LONGEST_TAIL, readPeriodOf, withSums, type AnalyticsPeriod, type Standing } from './period';
import { selectDays, selectDayValues, selectLayers, type DayRow, type DayValueRow } from './product-queries';
import { ageOf, movementOf, variabilityOf, type AgeBucket, type Movement, type Variability } from './rules';

export interface ProductRequest extends Pick<AnalyticsPeriod, 'from' | 'to'> {
  sku: string;
  /** Code; only at this warehouse. */
  location?: string | undefined;
}

/** What a product was sold for and cost, of one currency. */
export interface ProductValue {
  /** ISO 4217 */
  currency: string;
  pricedUnits: Exact;
  revenueMinor: Exact;
  returnedMinor: Exact;
  costedUnits: Exact;
  costMinor: Exact;
}

export interface ProductDay {
  day: string;
  sold: Exact;
  received: Exact;
  returned: Exact;
  adjusted: Exact;
  transferred: Exact;
  /** Null: not known by warehouse. */
  ordered: Exact | null;
  short: Exact | null;
  /** At the end of the day. */
  onHand: Exact;
  available: Exact;
  /** Of what was sold on the day and those before it; null: fewer days are known. */
  average7: number | null;
  average28: number | null;
  values: ProductValue[];
}

export interface ProductAnalytics extends Standing {
  sku: string;
  from: string;
  to: string;
  days: ProductDay[];
  /** Days that have ended, at whose end nothing was available. */
  stockoutDays: number;
  variability: Variability | null;
  movement: Movement;
  /** The last day of the period on which it was sold; null: on none of them. */
  lastSold: string | null;
  /** What is on hand at the end of the period, by for how many days. */
  ageing: Record<AgeBucket, Exact>;
}

/**
 * A product day by day, days of UTC, right to the last transaction that was committed; null: there is no such product.
 *
 * @param longestTail rows that are read beside the sums, at most
 * @throws AppError as `inventoryAnalytics`
 */
export function productAnalytics(
  db: Database,
  { sku, from, to, location }: ProductRequest,
  longestTail = LONGEST_TAIL,
): Promise<ProductAnalytics | null> {
  return withSums(db, longestTail, async (tx, standing, place) => {
    const productId = await selectProductId(tx, sku);
    if (productId === undefined) return null;
    const { asOf, stale } = standing;
    await readPeriodOf(tx, { from, to, tz: 'UTC' }, { asOf, place, onlyUtc: true });
    const today = asOf.slice(0, 'YYYY-MM-DD'.length);
    const about = {
      productId,
      warehouseId: location === undefined ? null : await findWarehouseId(tx, location),
      from,
      to,
      withTail: !stale,
    };
    const rows = (await selectDays(tx, about)).filter(({ day }) => day <= today);
    const values = await selectDayValues(tx, about);
    const layers = await selectLayers(tx, about);
    const ended = rows.filter(({ day }) => day < today);
    const lastSold = rows.findLast(({ sold }) => BigInt(sold) > 0n)?.day ?? null;
    const last = rows.at(-1)?.day ?? from;
    return {
      sku,
      from,
      to,
      ...standing,
      days: rows.map((row) => dayOf(row, values, location === undefined)),
      stockoutDays: ended.filter((row) => BigInt(row.available) <= 0n && isKnownAt(row.day, rows)).length,
      variability: variabilityOf(ended.map(({ sold }) => Number(sold))),
      movement: movementOf(lastSold, { from, last, isHeld: BigInt(rows.at(-1)?.onHand ?? 0) > 0n }),
      lastSold,
      ageing: agesOf(layers, last),
    };
  });
}

/** From the first day on on which anything was there or moved: before that it was not sold out. */
function isKnownAt(day: string, rows: readonly DayRow[]): boolean {
  const first = rows.find(({ onHand, sold, received, adjusted, transferred, returned }) =>
    [onHand, sold, received, adjusted, transferred, returned].some((units) => BigInt(units) !== 0n),
  );
  return first !== undefined && day >= first.day;
}

function dayOf(row: DayRow, values: readonly DayValueRow[], hasDemand: boolean): ProductDay {
  const { day, average7, average28 } = row;
  return {
    day,
    sold: exact(row.sold),
    received: exact(row.received),
    returned: exact(row.returned),
    adjusted: exact(row.adjusted),
    transferred: exact(row.transferred),
    ordered: hasDemand ? exact(row.ordered) : null,
    short: hasDemand ? exact(row.short) : null,
    onHand: exact(row.onHand),
    available: exact(row.available),
    average7,
    average28,
    values: values
      .filter((value) => value.day === day)
      .map((value) => ({
        currency: value.currency,
        pricedUnits: exact(value.pricedUnits),
        revenueMinor: exact(value.revenueMinor),
        returnedMinor: exact(value.returnedMinor),
        costedUnits: exact(value.costedUnits),
        costMinor: exact(value.costMinor),
      })),
  };
}

function agesOf(
  layers: readonly { day: string | null; units: string }[],
  last: string,
): Record<AgeBucket, Exact> {
  const sum = (bucket: AgeBucket) =>
    exact(
      layers
        .filter(({ day }) => ageOf(day, last) === bucket)
        .reduce((units, layer) => units + BigInt(layer.units), 0n),
    );
  return {
    upTo30: sum('upTo30'),
    upTo90: sum('upTo90'),
    upTo180: sum('upTo180'),
    upTo365: sum('upTo365'),
    older: sum('older'),
    unknown: sum('unknown'),
  };
}
