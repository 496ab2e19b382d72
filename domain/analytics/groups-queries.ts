import { many, type Queryable } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import { NO_CURRENCY } from '../catalog/currencies';
import {
  BUCKETS,
  countedOf,
  inCategories,
  lackingFacts,
  measuresOf,
  NET_UNITS,
  secondsBetween,
} from './sums-sql';
import { GRAINS, NONE, type Grain } from './types';

/** Sums of a group, of one currency. Whole numbers as text: they may be beyond 2^53. */
export interface GroupRow {
  /** Null: products without a category. */
  key: string | null;
  currency: string;
  sold: string;
  received: string;
  returned: string;
  adjusted: string;
  transferred: string;
  ordered: string;
  short: string;
  priced: string;
  revenue: string;
  returnedMinor: string;
  costed: string;
  cost: string;
  /** On hand when the period begins, and what it has more when it ends. */
  opening: string;
  net: string;
  /** On hand for how many seconds, beyond what was there when it began. */
  seconds: string;
  soldBefore: string;
  revenueBefore: string;
}

/** What is read of a period, and of the one before it of as many days. Times are RFC 3339. */
export interface ReadPeriod {
  before: string;
  from: string;
  to: string;
  /** As far as time has come in the period. */
  until: string;
}

/** A range of a table of sums, as `piecesOf` has it, of a part of what is read. */
export interface PartPiece {
  part: 'opening' | 'period' | 'before';
  grain: Grain;
  /** RFC 3339, or `-infinity`. */
  from: string;
  to: string;
}

const [BEFORE, FROM, TO, UNTIL] = [
  '$1::timestamptz',
  '$2::timestamptz',
  '$3::timestamptz',
  '$4::timestamptz',
];

/** SQL of a row of sums as a part of what is read. `end`: SQL of when its bucket ends. */
function asPart(part: string, end: string, columns: { measures: readonly string[]; keys: string }): string {
  const demand = (measure: string) => (columns.measures.includes(measure) ? measure : '0 as ' + measure);
  return `select ${columns.keys}, currency, ${part} as part, sold_units, received_units, returned_units, adjusted_units + opened_units as adjusted_units,
    transferred_units, ${demand('ordered_units')}, ${demand('short_units')}, priced_units, revenue_minor, returned_minor, costed_units, cost_minor,
    ${NET_UNITS} as net, on_hand_seconds + ${NET_UNITS} * ${secondsBetween(end, UNTIL)} as seconds`;
}

/** SQL of the part that a time is in. */
const partOf = (time: string) =>
  `case when ${time} >= ${TO} then null when ${time} >= ${FROM} then 'period' when ${time} >= ${BEFORE} then 'before' end`;

/** SQL of facts that are not in the sums, as rows of them: each once for the part that it is in, and once for what was there before. */
function tailRows(keys: string, rows: string): string {
  const facts = `(select at, ${keys}, currency, ${countedOf('day').join(', ')}, 0::bigint as on_hand_seconds from ${rows}) f`;
  const columns = { measures: measuresOf('day'), keys };
  return `${asPart(partOf('at'), 'at', columns)} from ${facts} where at >= ${BEFORE} and at < ${TO}
    union all ${asPart(`'opening'`, 'at', columns)} from ${facts} where at < ${FROM}`;
}

const LACKING = lackingFacts('$7');

/** SQL of the sums of rows of parts. */
const SUMS = `coalesce(sum(sold_units) filter (where part = 'period'), 0)::text as sold,
  coalesce(sum(received_units) filter (where part = 'period'), 0)::text as received,
  coalesce(sum(returned_units) filter (where part = 'period'), 0)::text as returned,
  coalesce(sum(adjusted_units) filter (where part = 'period'), 0)::text as adjusted,
  coalesce(sum(transferred_units) filter (where part = 'period'), 0)::text as transferred,
  coalesce(sum(ordered_units) filter (where part = 'period'), 0)::text as ordered,
  coalesce(sum(short_units) filter (where part = 'period'), 0)::text as short,
  coalesce(sum(priced_units) filter (where part = 'period'), 0)::text as priced,
  coalesce(sum(revenue_minor) filter (where part = 'period'), 0)::text as revenue,
  coalesce(sum(returned_minor) filter (where part = 'period'), 0)::text as "returnedMinor",
  coalesce(sum(costed_units) filter (where part = 'period'), 0)::text as costed,
  coalesce(sum(cost_minor) filter (where part = 'period'), 0)::text as cost,
  coalesce(sum(net) filter (where part = 'opening'), 0)::text as opening,
  coalesce(sum(net) filter (where part = 'period'), 0)::text as net,
  coalesce(sum(seconds) filter (where part = 'period'), 0)::text as seconds,
  coalesce(sum(sold_units) filter (where part = 'before'), 0)::text as "soldBefore",
  coalesce(sum(revenue_minor) filter (where part = 'before'), 0)::text as "revenueBefore"`;

/** By what groups are told, of the sums of categories and warehouses. */
export const PLACE_GROUPINGS = ['category', 'warehouse', 'region', 'total'] as const;
export type PlaceGrouping = (typeof PLACE_GROUPINGS)[number];

/** SQL of the key of a group, of rows `r` with their category `c` and warehouse `w`; which rows have one; and the order of groups. */
const KEYS: Readonly<Record<PlaceGrouping, { key: string; having: string; order: string }>> = {
  category: { key: 'c.code', having: 'true', order: `c.code ${BYTEWISE}` },
  warehouse: { key: 'w.code', having: `r.warehouse_id <> ${NONE}`, order: `w.code ${BYTEWISE}` },
  region: { key: 'w.region', having: `r.warehouse_id <> ${NONE}`, order: `w.region ${BYTEWISE}` },
  total: { key: `'total'`, having: 'true', order: '1' },
};

/** SQL of the sums of categories in the pieces `$6` to `$9`. */
const SUMMED_PLACES = GRAINS.map(
  (grain) =>
    `${asPart('p.part', BUCKETS[grain].end(grain), {
      measures: measuresOf(grain),
      keys: 'category_id, warehouse_id',
    })}
    from piece p join analytics_category_${grain}s s on s.${grain} >= p.from_at::${grain === 'hour' ? 'timestamptz' : 'timestamp'} and s.${grain} < p.to_at::${grain === 'hour' ? 'timestamptz' : 'timestamp'}
    where p.grain = '${grain}'`,
).join(' union all ');

const TAIL_PLACES = tailRows('category_id, warehouse_id', `(${inCategories('facts')})`);

export interface Narrow {
  /** With what the sums lack. */
  withTail: boolean;
  categoryId: number | null;
  warehouseId: number | null;
}

/** Sums by category, warehouse or region, in the order of the bytes of their keys. */
export function selectPlaces(
  on: Queryable,
  grouping: PlaceGrouping,
  period: ReadPeriod,
  { withTail, categoryId, warehouseId }: Narrow,
  pieces: readonly PartPiece[],
): Promise<GroupRow[]> {
  return many<GroupRow & Record<string, unknown>>(
    on,
    `analytics.by_${grouping}`,
    `with ${LACKING}, piece as materialized (
       select * from unnest($8::text[], $9::text[], $10::text[], $11::text[]) as p (part, grain, from_at, to_at)
     ), rows as (${SUMMED_PLACES} union all ${TAIL_PLACES})
     select ${KEYS[grouping].key} as key, r.currency, ${SUMS}
     from rows r left join categories c on c.id = r.category_id left join warehouses w on w.id = r.warehouse_id
     where ${KEYS[grouping].having} and ($5::int is null or r.category_id = $5) and ($6::int is null or r.warehouse_id = $6)
     group by 1, 2 order by ${KEYS[grouping].order} nulls last, 2`,
    [
      period.before,
      period.from,
      period.to,
      period.until,
      categoryId,
      warehouseId,
      withTail,
      pieces.map(({ part }) => part),
      pieces.map(({ grain }) => grain),
      pieces.map(({ from }) => from),
      pieces.map(({ to }) => to),
    ],
  );
}

export interface ProductPage {
  /** Only this one; null: all. */
  sku: string | null;
  after: string;
  limit: number;
}

const SUMMED_PRODUCTS =
  'from (select s.* from chosen c join analytics_product_days s on s.product_id = c.id) s';
const DAY_START = `(s.day::timestamp at time zone 'UTC')`;
const DAY_COLUMNS = { measures: measuresOf('day'), keys: 'product_id, warehouse_id' };
const TAIL_PRODUCTS = tailRows(
  'product_id, warehouse_id',
  '(select * from facts where product_id in (select id from chosen))',
);

/** Sums of products, by days of UTC: those after one in the order of the bytes of their SKUs. Of each there is a row at least. */
export function selectProducts(
  on: Queryable,
  period: ReadPeriod,
  { withTail, categoryId, warehouseId }: Narrow,
  { sku, after, limit }: ProductPage,
): Promise<GroupRow[]> {
  return many<GroupRow & Record<string, unknown>>(
    on,
    'analytics.by_product',
    `with ${LACKING}, chosen as materialized (
       select p.id, p.sku from products p
       where ($8::text is null or p.sku = $8) and p.sku ${BYTEWISE} > $9 and ($5::int is null or p.category_id = $5)
       order by p.sku ${BYTEWISE} limit $10
     ), rows as (
       ${asPart(partOf(DAY_START), BUCKETS.day.end('s.day'), DAY_COLUMNS)} ${SUMMED_PRODUCTS} where ${DAY_START} >= ${BEFORE} and ${DAY_START} < ${TO}
       union all
       ${asPart(`'opening'`, BUCKETS.day.end('s.day'), DAY_COLUMNS)} ${SUMMED_PRODUCTS} where ${DAY_START} < ${FROM}
       union all ${TAIL_PRODUCTS}
     )
     select c.sku as key, coalesce(r.currency, '${NO_CURRENCY}') as currency, ${SUMS}
     from chosen c left join rows r on r.product_id = c.id and ($6::int is null or r.warehouse_id = $6)
     group by c.sku, r.currency order by c.sku ${BYTEWISE}, r.currency`,
    [
      period.before,
      period.from,
      period.to,
      period.until,
      categoryId,
      warehouseId,
      withTail,
      sku,
      after,
      limit,
    ],
  );
}
