import { literals } from '../../platform/database/literals';
import { NO_CURRENCY } from '../catalog/currencies';
import { followerSql } from '../event-log/follower-sql';
import { rowsOf, type Narrowed } from '../event-log/rows-sql';
import { SOLD_LEDGER_KINDS, TRANSFER_LEDGER_KINDS } from '../stock/ledger/types';
import { ANALYTICS_SOURCES, DEMAND_MEASURES, NONE, UNIT_MEASURES, VALUE_MEASURES, type Grain } from './types';

export const FOLLOWER = followerSql({
  cursor: 'analytics_cursor',
  builds: 'analytics_builds',
  sources: ANALYTICS_SOURCES,
});

const SUMMED = [...UNIT_MEASURES, ...VALUE_MEASURES] as const;

/** SQL that adds to the sums of categories. */
export const INTO_CATEGORIES: Readonly<Record<Grain, string>> = {
  hour: 'insert into analytics_category_hours',
  day: 'insert into analytics_category_days',
  month: 'insert into analytics_category_months',
};

/** What a table of sums adds up of facts, as they have it. */
export function countedOf(grain: Grain): readonly string[] {
  return grain === 'hour' ? SUMMED : [...SUMMED, ...DEMAND_MEASURES];
}

/** What a table of sums counts. */
export function measuresOf(grain: Grain): readonly string[] {
  return [...countedOf(grain), 'on_hand_seconds'];
}

/** SQL of what an insert into sums `r` does where there is one already: it adds to it. */
export function orAddTo(keys: readonly string[], measures: readonly string[]): string {
  return `on conflict (${keys.join(', ')}) do update
    set ${measures.map((measure) => `${measure} = r.${measure} + excluded.${measure}`).join(', ')}`;
}

/** SQL of what is on hand more after a row of sums. */
export const NET_UNITS =
  '(opened_units + received_units + returned_units + adjusted_units + transferred_units - sold_units)';

/** SQL of the UTC bucket that a time is in, and of when a bucket ends. */
export const BUCKETS: Readonly<Record<Grain, { of(time: string): string; end(bucket: string): string }>> = {
  hour: {
    of: (time) => `date_trunc('hour', ${time}, 'UTC')`,
    end: (bucket) => `(${bucket} + interval '1 hour')`,
  },
  day: {
    of: (time) => `(${time} at time zone 'UTC')::date`,
    end: (bucket) => `((${bucket} + 1)::timestamp at time zone 'UTC')`,
  },
  month: {
    of: (time) => `date_trunc('month', ${time} at time zone 'UTC')::date`,
    end: (bucket) => `((${bucket} + interval '1 month') at time zone 'UTC')`,
  },
};

/** SQL of the whole seconds from one time to another: a fraction of a second counts from its begin. */
export function secondsBetween(from: string, to: string): string {
  return `(floor(extract(epoch from ${to})) - floor(extract(epoch from ${from})))::bigint`;
}

/** Columns of a fact, in their order. */
const FACT = ['at', 'product_id', 'warehouse_id', 'currency', 'moved', ...SUMMED, ...DEMAND_MEASURES];

/** SQL of a value of `values` that has what is given of a fact, and else zeros. */
function valuesOf(currency: string, given: Readonly<Record<string, string>>): string {
  const columns = ['moved', ...SUMMED].map((column) => `(${given[column] ?? '0'})::bigint`);
  return `(${currency}, ${columns.join(', ')})`;
}

const SOLD = `e.kind in ${literals(SOLD_LEDGER_KINDS)}`;
const TRANSFERRED = `e.kind in ${literals(TRANSFER_LEDGER_KINDS)}`;
const unitsIf = (condition: string, units = 'e.moved') => `case when ${condition} then ${units} else 0 end`;

/**
 * SQL of facts of rows `t` of the stock ledger. A sale is told by its units, at the price in its order where it has one, and at the average
 * of its product when it left where a cost was known then.
 */
export function movementsOf(rows: string): string {
  return `select e.at, e.product_id, e.warehouse_id, f.*, 0::bigint as ordered_units, 0::bigint as short_units
    from (
      select t.at, t.product_id, t.warehouse_id, t.kind, t.on_hand_delta::bigint as moved, t.reserved_delta::bigint as reserved,
        o.currency as price_currency, i.unit_price_minor as price, k.currency as cost_currency, k.average_minor as average
      from ${rows}
      left join order_items i on t.kind in ('ship', 'return') and i.order_id = t.order_id and i.product_id = t.product_id
      left join orders o on o.id = i.order_id
      left join lateral (
        select s.currency, s.average_minor from product_cost_steps s
        where t.kind in ${literals(SOLD_LEDGER_KINDS)} and s.product_id = t.product_id and s.at <= t.at order by s.at desc limit 1) k on true
      where t.on_hand_delta <> 0 or t.reserved_delta <> 0
    ) e cross join lateral (values
      ${valuesOf(`'${NO_CURRENCY}'`, {
        moved: 'e.moved',
        sold_units: unitsIf(SOLD, '-e.moved'),
        received_units: unitsIf(`e.kind = 'receipt'`),
        returned_units: unitsIf(`e.kind = 'return'`),
        adjusted_units: unitsIf(`not (${SOLD} or ${TRANSFERRED} or e.kind in ('receipt', 'return'))`),
        transferred_units: unitsIf(TRANSFERRED),
        reserved_units: 'e.reserved',
      })},
      ${valuesOf('e.price_currency', {
        priced_units: unitsIf(`e.kind = 'ship'`, '-e.moved'),
        revenue_minor: unitsIf(`e.kind = 'ship'`, '-e.moved * e.price'),
        returned_minor: unitsIf(`e.kind = 'return'`, 'e.moved * e.price'),
      })},
      ${valuesOf('case when e.average is not null then e.cost_currency end', {
        costed_units: '-e.moved',
        cost_minor: 'round(-e.moved * e.average)',
      })}
    ) as f (currency, moved, ${SUMMED.join(', ')})
    where f.currency is not null and (f.currency = '${NO_CURRENCY}' or e.moved <> 0)`;
}

/** Events of orders that say what was asked for, and what of it was not there. */
const DEMAND_EVENTS = ['order_placed', 'order_rejected', 'items_backordered', 'items_cut'] as const;

/** SQL of facts of rows `t` of histories of orders. */
export function demandOf(rows: string): string {
  const zeros = ['moved', ...SUMMED].map((column) => `0::bigint as ${column}`).join(', ');
  return `select t.at, p.id as product_id, ${NONE} as warehouse_id, '${NO_CURRENCY}' as currency, ${zeros},
      coalesce((i.item ->> 'quantity')::bigint, 0) as ordered_units,
      greatest(coalesce((i.item ->> 'requested')::bigint - (i.item ->> 'available')::bigint, 0), 0) as short_units
    from ${rows}
    cross join lateral jsonb_array_elements(case t.type when 'order_placed' then t.data -> 'items' else t.data -> 'shortages' end) i (item)
    join products p on p.sku = i.item ->> 'sku'
    where t.type in ${literals(DEMAND_EVENTS)}`;
}

/** SQL of facts of the ledger and of histories of orders, each at its time. */
export function factsOf(narrowed: Narrowed): string {
  return `select ${FACT.join(', ')} from (${movementsOf(rowsOf('ledger', narrowed))}) m
    union all
    select ${FACT.join(', ')} from (${demandOf(rowsOf('orders', narrowed))}) d`;
}

/** SQL of facts of histories from before their rows had ids. */
export const OLD_DEMAND = `select ${FACT.join(', ')} from (${demandOf('(select * from order_events t where t.id is null) t')}) d`;

const OPENED: Readonly<Record<string, string>> = {
  opened_units: 'sum(b.units)',
  reserved_units: 'sum(b.reserved)',
};

/**
 * SQL of facts of what the ledger had dropped before the sums of its months were made: opening balances, less what the sums before then have.
 */
export const OPENED_FACTS = `select h.at - interval '1 second' as at, b.product_id, b.warehouse_id, '${NO_CURRENCY}' as currency,
    sum(b.units)::bigint as moved,
    ${SUMMED.map((column) => `${OPENED[column] ?? '0'}::bigint as ${column}`).join(', ')},
    ${DEMAND_MEASURES.map((column) => `0::bigint as ${column}`).join(', ')}
  from (select max(upper_bound) as at from ledger_folds) h cross join lateral (
    select product_id, warehouse_id, on_hand::bigint as units, reserved::bigint as reserved from ledger_opening
    union all
    select product_id, warehouse_id, -${NET_UNITS}, -reserved_units from analytics_product_days
    where currency = '${NO_CURRENCY}' and warehouse_id <> ${NONE} and day < (h.at at time zone 'UTC')::date) b
  where h.at is not null group by 1, 2, 3 having sum(b.units) <> 0 or sum(b.reserved) <> 0`;

/**
 * SQL of sums of facts by their buckets.
 *
 * @param keys SQL columns of the facts that the sums are by, beside the bucket and the currency
 */
export function bucketed(facts: string, grain: Grain, keys: readonly string[]): string {
  const { of, end } = BUCKETS[grain];
  const by = [`${of('at')} as ${grain}`, ...keys, 'currency'];
  return `select ${by.join(', ')}, ${countedOf(grain)
    .map((column) => `sum(${column})::bigint as ${column}`)
    .join(', ')},
      sum(moved * ${secondsBetween('at', end(of('at')))})::bigint as on_hand_seconds
    from (${facts}) f group by ${by.map((_, place) => place + 1).join(', ')}`;
}

/** SQL of facts with the category in which the sums have their product, or, where they do not have it yet, will have it. */
export function inCategories(facts: string): string {
  return `select f.*, coalesce(a.category_id, p.category_id, ${NONE}) as category_id from ${facts} f
    join products p on p.id = f.product_id left join analytics_products a on a.product_id = f.product_id`;
}

/**
 * SQL of sums by day as sums by month: what came on a day was there for the rest of the month too.
 *
 * @param keys SQL columns that the sums are by, beside the day and the currency
 */
export function daysAsMonths(days: string, keys: readonly string[]): string {
  const month = BUCKETS.month.of(`(day::timestamp at time zone 'UTC')`);
  const rest = secondsBetween(BUCKETS.day.end('day'), BUCKETS.month.end(month));
  return `select ${[`${month} as month`, ...keys, 'currency', ...countedOf('month')].join(', ')},
      on_hand_seconds + ${NET_UNITS} * ${rest} as on_hand_seconds
    from (${days}) d`;
}

/**
 * SQL of what the sums lack, as `facts` of a WITH.
 *
 * @param isRead SQL of whether it is read; else there are none
 */
export function lackingFacts(isRead: string): string {
  return `${FOLLOWER.unsummed}, lacking as (select * from wanted where ${isRead}::boolean
    ), facts as materialized (${factsOf({ ids: 'lacking' })})`;
}
