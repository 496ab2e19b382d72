import { execute, many, one, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE, utcMicros } from '../../platform/database/pages';
import { IS_KEPT, moneyOf, ordersOf, PLACE, salesOf, UNSUMMED } from './sums-sql';

/** All statements of this transaction see what was committed at one moment. */
export function openSnapshot(tx: Transaction): Promise<number> {
  return execute(tx, 'reports.snapshot', 'set transaction isolation level repeatable read, read only');
}

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
       not exists (select from report_builds) and ${IS_KEPT} as "isReady"
     from (select day_start($1::date, $3) as first, day_start($2::date, $3) as after) p
     cross join (select statement_timestamp() as now) t cross join ${PLACE}`,
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
function valuesOf(unit: SlotUnit, { from, to, tz }: Period): string[] {
  return unit === 'hour' ? [from, to] : [from, to, tz];
}

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

const IN_PERIOD = { from: '$1::timestamptz', to: '$2::timestamptz' };
const SUMMED_IN_PERIOD = 'bucket >= $1::timestamptz and bucket < $2::timestamptz';

/** What something was sold for, of one currency. Whole numbers as text: they may be beyond 2^53. */
export interface SalesRow {
  /** What `key` names. */
  of: 'slot' | 'product' | 'category' | 'warehouse' | 'merchant';
  key: string | null;
  currency: string;
  units: string;
  salesMinor: string;
  returnedUnits: string;
  returnedMinor: string;
}

const SUMS = `sum(units) as units, sum(sales_minor) as sales_minor, sum(returned_units) as returned_units,
  sum(returned_minor) as returned_minor`;

/**
 * What was sold, by slot, product, category, warehouse and merchant: each grouping has all of it. Of each currency the products with the
 * highest sales, so many.
 */
export function selectSales(
  on: Queryable,
  unit: SlotUnit,
  { products, ...period }: Period & { products: number },
): Promise<SalesRow[]> {
  return many<SalesRow & Record<string, unknown>>(
    on,
    `reports.sales_by_${unit}`,
    `with ${UNSUMMED}, fact as (
       select ${SLOT[unit].of('bucket', '$4')} as slot, product_id, warehouse_id, currency, merchant_id, units, sales_minor, returned_units, returned_minor
       from (
         select * from report_sales where ${SUMMED_IN_PERIOD}
         union all ${salesOf({ ids: 'wanted', ...IN_PERIOD })}) f
     ), grouped as materialized (
       select grouping(slot) = 0 as by_slot, grouping(warehouse_id) = 0 as by_warehouse, slot, warehouse_id, product_id, merchant_id, currency, ${SUMS}
       from fact group by currency, grouping sets ((slot), (warehouse_id), (product_id, merchant_id))
     ), sold as materialized (
       select p.sku, p.category_id, coalesce(g.merchant_id, p.merchant_id) as merchant_id, g.currency, g.units, g.sales_minor,
         g.returned_units, g.returned_minor
       from grouped g join products p on p.id = g.product_id where not by_slot and not by_warehouse
     ), ranked as (
       select sku, currency, ${SUMS}, row_number() over (partition by currency order by sum(sales_minor) desc, sku ${BYTEWISE}) as place
       from sold group by sku, currency
     )
     select "of", key, currency, units::text, sales_minor::text as "salesMinor", returned_units::text as "returnedUnits",
       returned_minor::text as "returnedMinor"
     from (
       select 'slot' as "of", ${utcMicros(SLOT[unit].start('slot', '$4'))} as key, currency, 0::bigint as place, ${SUMS}
       from grouped where by_slot group by slot, currency
       union all
       select 'warehouse', w.code, g.currency, 0, ${SUMS} from grouped g join warehouses w on w.id = g.warehouse_id where by_warehouse
       group by w.code, g.currency
       union all
       select 'category', c.code, s.currency, 0, ${SUMS} from sold s left join categories c on c.id = s.category_id group by c.code, s.currency
       union all
       select 'merchant', m.code, s.currency, 0, ${SUMS} from sold s join merchants m on m.id = s.merchant_id group by m.code, s.currency
       union all
       select 'product', sku, currency, place, units, sales_minor, returned_units, returned_minor from ranked where place <= $3
     ) r order by "of", currency, place, key ${BYTEWISE} nulls last`,
    [period.from, period.to, products, ...(unit === 'day' ? [period.tz] : [])],
  );
}

/** Money of a slot and a merchant, of one currency. Whole numbers as text. */
export interface MoneyRow {
  slot: string;
  /** Null: no merchant's. */
  merchant: string | null;
  currency: string;
  capturedMinor: string;
  refundedMinor: string;
  disputedMinor: string;
  feeMinor: string;
}

export function selectMoney(on: Queryable, unit: SlotUnit, period: Period): Promise<MoneyRow[]> {
  return many<MoneyRow & Record<string, unknown>>(
    on,
    `reports.money_by_${unit}`,
    `with ${UNSUMMED}, fact as (
       select * from report_money where ${SUMMED_IN_PERIOD}
       union all ${moneyOf({ ids: 'wanted', ...IN_PERIOD })}
     )
     select ${utcMicros(SLOT[unit].start('slot', '$3'))} as slot, m.code as merchant, currency, captured::text as "capturedMinor", refunded::text as "refundedMinor",
       disputed::text as "disputedMinor", fee::text as "feeMinor"
     from (
       select ${SLOT[unit].of('bucket', '$3')} as slot, merchant_id, currency, sum(captured_minor) as captured, sum(refunded_minor) as refunded,
         sum(disputed_minor) as disputed, sum(fee_minor) as fee
       from fact group by 1, 2, 3) f
     left join merchants m on m.id = f.merchant_id
     order by f.slot, m.code ${BYTEWISE} nulls last, currency`,
    valuesOf(unit, period),
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
    `with ${UNSUMMED}, fact as (
       select * from report_orders where ${SUMMED_IN_PERIOD}
       union all ${ordersOf({ ids: 'wanted', ...IN_PERIOD })}
     )
     select ${utcMicros(SLOT[unit].start('slot', '$3'))} as slot, type, count::text
     from (select ${SLOT[unit].of('bucket', '$3')} as slot, type, sum(count) as count from fact group by 1, 2) f order by f.slot, type`,
    valuesOf(unit, period),
  );
}
