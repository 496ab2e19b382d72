import { many, one, type Queryable } from '../../platform/database/database';
import { BYTEWISE, utcMicros } from '../../platform/database/pages';
import type { Fact } from './facts';
import { scoped } from './facts-queries';
import type { SpanRange } from './spans';
import {
  ALL_BY_QUARTER,
  eachFigure,
  factsOf,
  FOLLOWER,
  ID_OF_FACT,
  ordersOf,
  type Dimension,
} from './sums-sql';

export interface PeriodRow {
  from: string;
  to: string;
  asOf: string;
  isOver: boolean;
  /** The sums can be read. */
  isReady: boolean;
}

/** A period of whole days of a time zone that PostgreSQL knows, `to` not in it. */
export function selectPeriod(
  on: Queryable,
  { first, after, tz }: { first: string; after: string; tz: string },
): Promise<PeriodRow> {
  return one<PeriodRow & Record<string, unknown>>(
    on,
    'reports.period',
    `select ${utcMicros('p.first')} as "from", ${utcMicros('p.after')} as "to", ${utcMicros('t.now')} as "asOf", p.after <= t.now as "isOver",
       ${FOLLOWER.isReady} as "isReady"
     from (select day_start($1::date, $3) as first, day_start($2::date, $3) as after) p
     cross join (select statement_timestamp() as now) t cross join ${FOLLOWER.place}`,
    [first, after, tz],
  );
}

/** What the slots of a report are: hours of a day, as time goes by, or days. */
export type SlotUnit = 'hour' | 'day';

/** SQL of the slot that a time is in, and of when that begins. `tz`: SQL of the time zone. */
const SLOT: Readonly<
  Record<SlotUnit, { of(time: string, tz: string): string; start(slot: string, tz: string): string }>
> = {
  hour: {
    of: (time) => `floor(extract(epoch from ${time} - $1::timestamptz) / 3600)::int`,
    start: (slot) => `($1::timestamptz + ${slot} * interval '1 hour')`,
  },
  day: {
    of: (time, tz) => `(${time} at time zone ${tz})::date`,
    start: (slot, tz) => `day_start(${slot}, ${tz})`,
  },
};

export interface Period {
  from: string;
  to: string;
  tz: string;
}

/** Hours need no time zone once it is known when the day begins. */
const zoneOf = (unit: SlotUnit, { tz }: Period) => (unit === 'hour' ? [] : [tz]);

export interface SlotRow {
  at: string;
  local: string;
}

/** SQL of when the slots of a period begin. */
const STARTS: Readonly<Record<SlotUnit, string>> = {
  hour: `select s as at from generate_series($1::timestamptz, $2::timestamptz - interval '1 microsecond', interval '1 hour') s`,
  day: `select day_start(d::date, $3) as at from generate_series(($1::timestamptz at time zone $3)::date::timestamp,
       (($2::timestamptz - interval '1 microsecond') at time zone $3)::date::timestamp, interval '1 day') d`,
};

/** Slots of a period, in order. */
export function selectSlots(on: Queryable, unit: SlotUnit, period: Period): Promise<SlotRow[]> {
  return many<SlotRow & Record<string, unknown>>(
    on,
    `reports.slots_by_${unit}`,
    `select ${utcMicros('at')} as at, to_char(at at time zone $3, 'YYYY-MM-DD"T"HH24:MI') as local from (${STARTS[unit]}) s order by s.at`,
    [period.from, period.to, period.tz],
  );
}

const SUMMED_IN_PERIOD = 'bucket >= $1::timestamptz and bucket < $2::timestamptz';

/** Figures of one currency. Whole numbers as text: they may be beyond 2^53. */
export interface FiguresRow {
  /** What `key` names. */
  of: 'slot' | 'product' | 'category' | 'warehouse' | 'merchant';
  /** Null: of none. */
  key: string | null;
  currency: string;
  units: string;
  salesMinor: string;
  returnedUnits: string;
  returnedMinor: string;
  capturedMinor: string;
  refundedMinor: string;
  disputedMinor: string;
  feeMinor: string;
  costMinor: string;
  uncostedUnits: string;
}

const FIGURES = eachFigure((figure) => figure);
const SUMS = eachFigure((figure) => `sum(${figure}) as ${figure}`);
const TOLD = `units::text, sales_minor::text as "salesMinor", returned_units::text as "returnedUnits", returned_minor::text as "returnedMinor",
  captured_minor::text as "capturedMinor", refunded_minor::text as "refundedMinor", disputed_minor::text as "disputedMinor",
  fee_minor::text as "feeMinor", cost_minor::text as "costMinor", uncosted_units::text as "uncostedUnits"`;

/** Sums of a period by slot. `facts`: what the sums lack. */
export function selectSlotFigures(
  on: Queryable,
  unit: SlotUnit,
  { facts, ...period }: Period & { facts: readonly Fact[] },
): Promise<FiguresRow[]> {
  return many<FiguresRow & Record<string, unknown>>(
    on,
    `reports.figures_by_${unit}`,
    `select 'slot' as "of", ${utcMicros(SLOT[unit].start('slot', '$4'))} as key, currency, ${TOLD} from (
       select ${SLOT[unit].of('bucket', '$4')} as slot, currency, ${SUMS} from (
         select bucket, currency, ${FIGURES} from report_sums where ${ALL_BY_QUARTER} and ${SUMMED_IN_PERIOD}
         union all
         select bucket, currency, ${FIGURES} from (${factsOf('$3')}) u) f
       group by 1, 2) g
     order by slot, currency`,
    [period.from, period.to, JSON.stringify(facts), ...zoneOf(unit, period)],
  );
}

/** The buckets that a period consists of, and what the sums lack of it. */
interface PeriodSums {
  spans: readonly SpanRange[];
  facts: readonly Fact[];
}

/** SQL of sums by dimension, what they are of, and currency, of the parameters of `valuesOf`. */
const GROUPED = `select dimension, id, currency, ${SUMS} from (
    select r.dimension, r.id, r.currency, ${eachFigure((figure) => `r.${figure}`)}
    from unnest($1::int[], $2::float8[], $3::float8[]) s (minutes, since, until) cross join unnest($5::text[]) d (dimension)
    cross join lateral (
      select * from report_sums r
      where r.dimension = d.dimension and r.minutes = s.minutes and r.bucket >= to_timestamp(s.since) and r.bucket < to_timestamp(s.until)
      offset 0) r
    union all
    select d.dimension, ${ID_OF_FACT}, f.currency, ${eachFigure((figure) => `f.${figure}`)}
    from (${factsOf('$4')}) f cross join unnest($5::text[]) d (dimension)) u
  group by 1, 2, 3`;

function valuesOf({ spans, facts }: PeriodSums, dimensions: readonly Dimension[]): unknown[] {
  return [
    spans.map(({ minutes }) => minutes),
    spans.map(({ from }) => from / 1_000),
    spans.map(({ to }) => to / 1_000),
    JSON.stringify(facts),
    dimensions,
  ];
}

/**
 * Sums of a period by product, category, warehouse and merchant: each grouping has all of it. Of each currency the products with the highest
 * sales, so many, and what is of no product.
 */
export function selectGroupFigures(on: Queryable, sums: PeriodSums, products: number): Promise<FiguresRow[]> {
  return many<FiguresRow & Record<string, unknown>>(
    on,
    'reports.figures_by_group',
    `with grouped as materialized (${GROUPED}), sold as materialized (
       select p.sku, p.category_id, g.* from grouped g left join products p on p.id = g.id where g.dimension = 'product'
     ), ranked as (
       select *, row_number() over (partition by currency, sku is null order by sales_minor desc, captured_minor desc, sku ${BYTEWISE}) as place
       from sold
     )
     select "of", key, currency, ${TOLD} from (
       select 'category' as "of", c.code as key, g.currency, 0::bigint as place, ${FIGURES}
       from (select category_id, currency, ${SUMS} from sold group by 1, 2) g left join categories c on c.id = g.category_id
       union all
       select 'warehouse', w.code, g.currency, 0, ${FIGURES} from grouped g left join warehouses w on w.id = g.id where g.dimension = 'warehouse'
       union all
       select 'merchant', m.code, g.currency, 0, ${FIGURES} from grouped g left join merchants m on m.id = g.id where g.dimension = 'merchant'
       union all
       select 'product', sku, currency, place, ${FIGURES} from ranked where place <= $6 or sku is null
     ) r order by "of", currency, place, key ${BYTEWISE} nulls last`,
    [...valuesOf(sums, ['merchant', 'product', 'warehouse']), products],
  );
}

/** What goods cost that left, of one currency. Whole numbers as text. */
export interface CostRow {
  sku: string;
  currency: string;
  costedUnits: string;
  costMinor: string;
  uncostedUnits: string;
}

/** What goods cost that left in a period, by the bytes of the SKU. */
export function selectCosts(on: Queryable, sums: PeriodSums): Promise<CostRow[]> {
  return many<CostRow & Record<string, unknown>>(
    on,
    'reports.costs_by_product',
    `select p.sku, g.currency, costed_units::text as "costedUnits", cost_minor::text as "costMinor", uncosted_units::text as "uncostedUnits"
     from (${GROUPED}) g join products p on p.id = g.id
     where costed_units <> 0 or uncosted_units <> 0 order by p.sku ${BYTEWISE}, g.currency`,
    valuesOf(sums, ['product']),
  );
}

/** How often something happened to orders in a slot. */
export interface OrdersRow {
  slot: string;
  type: string;
  count: string;
}

export function selectOrders(on: Queryable, unit: SlotUnit, period: Period): Promise<OrdersRow[]> {
  return many<OrdersRow & Record<string, unknown>>(
    on,
    `reports.orders_by_${unit}`,
    `with ${scoped('unsummed').wanted}, fact as (
       select * from report_orders where ${SUMMED_IN_PERIOD}
       union all ${ordersOf(scoped('unsummed'))}
     )
     select ${utcMicros(SLOT[unit].start('slot', '$3'))} as slot, type, count::text
     from (select ${SLOT[unit].of('bucket', '$3')} as slot, type, sum(count) as count from fact group by 1, 2) f order by f.slot, type`,
    [period.from, period.to, ...zoneOf(unit, period)],
  );
}
