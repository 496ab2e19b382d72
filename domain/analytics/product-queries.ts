import { many, type Queryable } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import { NO_CURRENCY } from '../catalog/currencies';
import { bucketed, lackingFacts, measuresOf, NET_UNITS } from './sums-sql';
import { NONE } from './types';

const KEYS = ['product_id', 'warehouse_id'];
const COLUMNS = ['product_id', 'day', 'warehouse_id', 'currency', ...measuresOf('day')].join(', ');

/**
 * SQL of the sums of products by day, with what these lack where `$1` says so.
 *
 * @param products SQL of a list of ids
 */
function daysOf(products: string): string {
  const tail = bucketed(`select * from facts where product_id in ${products}`, 'day', KEYS);
  return `rows as (
       select ${COLUMNS} from analytics_product_days where product_id in ${products}
       union all select ${COLUMNS} from (${tail}) t
     )`;
}

export interface ProductDays {
  productId: number;
  warehouseId: number | null;
  /** Days, `YYYY-MM-DD`; `to` is not among them. */
  from: string;
  to: string;
  withTail: boolean;
}

/** A day of a product. Whole numbers as text: they may be beyond 2^53. */
export interface DayRow {
  day: string;
  sold: string;
  received: string;
  returned: string;
  adjusted: string;
  transferred: string;
  ordered: string;
  short: string;
  /** At its end. */
  onHand: string;
  available: string;
  /** Of what was sold on it and the days before; null: fewer days are known. */
  average7: number | null;
  average28: number | null;
}

/** SQL of the mean of what was sold on so many days, where so many are known. */
const movingAverage = (days: number) =>
  `case when day - (select min(day) from rows) >= ${days - 1} then avg(sold) over (order by day rows ${days - 1} preceding) end::float8`;

/** Each day of a period, also those on which nothing moved. */
export function selectDays(
  on: Queryable,
  { productId, warehouseId, from, to, withTail }: ProductDays,
): Promise<DayRow[]> {
  return many<DayRow & Record<string, unknown>>(
    on,
    'analytics.product_days',
    `with ${lackingFacts('$1')}, ${daysOf('($2::int)')}, daily as materialized (
       select day, sum(sold_units) as sold, sum(received_units) as received, sum(returned_units) as returned,
         sum(adjusted_units + opened_units) as adjusted, sum(transferred_units) as transferred, sum(ordered_units) as ordered,
         sum(short_units) as short, sum(${NET_UNITS}) as net, sum(reserved_units) as reserved
       from rows where currency = '${NO_CURRENCY}' and ($3::int is null or warehouse_id = $3) group by day
     ), each_day as (
       select d::date as day, coalesce(y.sold, 0) as sold, coalesce(y.received, 0) as received, coalesce(y.returned, 0) as returned,
         coalesce(y.adjusted, 0) as adjusted, coalesce(y.transferred, 0) as transferred, coalesce(y.ordered, 0) as ordered,
         coalesce(y.short, 0) as short, coalesce(y.net, 0) as net, coalesce(y.reserved, 0) as reserved
       from generate_series(($4::date - 27)::timestamp, ($5::date - 1)::timestamp, interval '1 day') d left join daily y on y.day = d::date
     ), before as (
       select coalesce(sum(net), 0) as net, coalesce(sum(reserved), 0) as reserved from daily where day < $4::date - 27
     )
     select * from (
       select day::text, sold::text, received::text, returned::text, adjusted::text, transferred::text, ordered::text, short::text,
         (b.net + sum(e.net) over (order by day))::text as "onHand",
         (b.net - b.reserved + sum(e.net - e.reserved) over (order by day))::text as available,
         ${movingAverage(7)} as average7, ${movingAverage(28)} as average28
       from each_day e cross join before b) w
     where w.day >= $4::date::text order by w.day`,
    [withTail, productId, warehouseId, from, to],
  );
}

/** What a product was sold for and cost on a day, of one currency. Whole numbers as text. */
export interface DayValueRow {
  day: string;
  currency: string;
  pricedUnits: string;
  revenueMinor: string;
  returnedMinor: string;
  costedUnits: string;
  costMinor: string;
}

export function selectDayValues(
  on: Queryable,
  { productId, warehouseId, from, to, withTail }: ProductDays,
): Promise<DayValueRow[]> {
  return many<DayValueRow & Record<string, unknown>>(
    on,
    'analytics.product_values',
    `with ${lackingFacts('$1')}, ${daysOf('($2::int)')}
     select day::text, currency, sum(priced_units)::text as "pricedUnits", sum(revenue_minor)::text as "revenueMinor",
       sum(returned_minor)::text as "returnedMinor", sum(costed_units)::text as "costedUnits", sum(cost_minor)::text as "costMinor"
     from rows where currency <> '${NO_CURRENCY}' and day >= $4::date and day < $5::date and ($3::int is null or warehouse_id = $3)
     group by rows.day, currency order by rows.day, currency`,
    [withTail, productId, warehouseId, from, to],
  );
}

/** Units that came on a day, of those that are on hand. Null day: it is not known. */
export interface LayerRow {
  day: string | null;
  units: string;
}

/** What is on hand at the end of a period, by the day on which it came: those that came last, newest first. */
export function selectLayers(
  on: Queryable,
  { productId, warehouseId, to, withTail }: Omit<ProductDays, 'from'>,
): Promise<LayerRow[]> {
  return many<LayerRow & Record<string, unknown>>(
    on,
    'analytics.product_layers',
    `with ${lackingFacts('$1')}, ${daysOf('($2::int)')}, daily as (
       select day, sum(${NET_UNITS}) as net, sum(received_units + returned_units + opened_units) + greatest(sum(adjusted_units), 0)
         + greatest(sum(transferred_units), 0) as came
       from rows where currency = '${NO_CURRENCY}' and day < $4::date and ($3::int is null or warehouse_id = $3) group by day
     ), held as (
       select coalesce(sum(net), 0) as units from daily
     ), layer as (
       select day, came, sum(came) over (order by day desc) - came as newer from daily where came > 0
     ), covered as (
       select l.day, least(l.came, h.units - l.newer) as units from layer l cross join held h where l.newer < h.units
     )
     select day::text, units::text from covered
     union all
     select null, (h.units - coalesce(c.units, 0))::text from held h cross join (select sum(units) as units from covered) c
     where h.units > coalesce(c.units, 0)
     order by 1 desc nulls last`,
    [withTail, productId, warehouseId, to],
  );
}

/** A place that a product was sold out at. */
export interface StockoutRow {
  sku: string;
  warehouse: string;
  /** Of the period, at whose end nothing was available. */
  days: number;
  /** The first day of those that go on at its end; null: there is something again. */
  since: string | null;
}

export interface StockoutPage {
  categoryId: number | null;
  warehouseId: number | null;
  /** Days, `YYYY-MM-DD`; `to` is not among them, and not after the day that it is. */
  from: string;
  to: string;
  withTail: boolean;
  after: string;
  /** Products that are looked at. */
  products: number;
}

/** Of the next products in the order of the bytes of their SKUs, places that were sold out on some day; how many products were looked at, and the last of them. */
export async function selectStockouts(
  on: Queryable,
  { categoryId, warehouseId, from, to, withTail, after, products }: StockoutPage,
): Promise<{ rows: StockoutRow[]; looked: number; last: string | null }> {
  const found = await many<{ sku: string; warehouse: string | null; days: number; since: string | null }>(
    on,
    'analytics.stockouts',
    `with ${lackingFacts('$1')}, chosen as materialized (
       select p.id, p.sku from products p where p.sku ${BYTEWISE} > $2 and ($3::int is null or p.category_id = $3)
       order by p.sku ${BYTEWISE} limit $4
     ), ${daysOf('(select id from chosen)')}, changes as (
       select product_id, warehouse_id, day, sum(${NET_UNITS} - reserved_units) as change from rows
       where currency = '${NO_CURRENCY}' and warehouse_id <> ${NONE} and day < $6::date and ($7::int is null or warehouse_id = $7)
       group by 1, 2, 3
     ), levels as (
       select product_id, warehouse_id, day, sum(change) over place as available, lead(day, 1, $6::date) over place as next_day
       from changes window place as (partition by product_id, warehouse_id order by day)
     ), gone as (
       select product_id, warehouse_id,
         coalesce(sum(next_day - greatest(day, $5::date)) filter (where available <= 0 and next_day > $5::date), 0)::int as days,
         case when (array_agg(available order by day desc))[1] <= 0
           then coalesce(max(next_day) filter (where available > 0), min(day))::text end as since
       from levels group by 1, 2
     )
     select c.sku, w.code as warehouse, g.days, g.since
     from chosen c left join gone g on g.product_id = c.id and g.days > 0 left join warehouses w on w.id = g.warehouse_id
     order by c.sku ${BYTEWISE}, w.code ${BYTEWISE}`,
    [withTail, after, categoryId, products, from, to, warehouseId],
  );
  const rows = found.flatMap(({ sku, warehouse, days, since }) =>
    warehouse === null ? [] : [{ sku, warehouse, days, since }],
  );
  return { rows, looked: new Set(found.map(({ sku }) => sku)).size, last: found.at(-1)?.sku ?? null };
}
