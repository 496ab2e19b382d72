import { floorOf, partOf, remainderOf } from '../../../platform/database/largest-remainder';
import { saidAt } from './received-sql';
import type { When } from './units-sql';
import type { ValuationMethod } from './types';

/** The average of each product and how many units it is about. */
const COSTS: Readonly<Record<When, string>> = {
  now: `costs as (
       select k.product_id, k.currency, k.average_minor, k.costed_units
       from chosen c join product_costs k on k.product_id = c.id
     )`,
  then: `costs as (
       select c.id as product_id, t.currency, t.average_minor, t.costed_units
       from chosen c cross join lateral (
         select t.currency, t.average_minor, t.costed_units from product_cost_steps t
         where t.product_id = c.id and t.at <= $1::timestamptz order by t.at desc limit 1) t
     )`,
};

/** What all units of a product are worth: those that are `costed`, and their `value`. FIFO: the newest receipts that cover them. */
const WHOLE: Readonly<Record<ValuationMethod, (when: When) => string>> = {
  fifo: (when) => `received as (
       select l.product_id, s.quantity, s.unit_cost_minor, l.currency, sum(s.quantity) over
         (partition by l.product_id order by r.received_at desc, r.id desc, l.line desc) - s.quantity as newer
       from receipt_lines l join receipts r on r.id = l.receipt_id ${saidAt(when, '$1::timestamptz')}
       where l.product_id in (select product_id from owned) and ($1::timestamptz is null or r.received_at <= $1)
     ), whole as (
       select o.product_id, o.owned,
              max(r.currency) filter (where r.unit_cost_minor is not null) as currency,
              coalesce(sum(least(r.quantity, o.owned - r.newer) * r.unit_cost_minor::numeric), 0) as value,
              coalesce(sum(least(r.quantity, o.owned - r.newer)) filter (where r.unit_cost_minor is not null), 0) as costed
       from owned o left join received r on r.product_id = o.product_id and r.newer < o.owned
       group by o.product_id, o.owned
     )`,
  average: () => `whole as (
       select o.product_id, o.owned, null::text as currency,
              round(least(o.owned, coalesce(k.costed_units, 0)) * coalesce(k.average_minor, 0)) as value,
              case when k.average_minor is null then 0 else least(o.owned, k.costed_units) end as costed
       from owned o left join costs k on k.product_id = o.product_id
     )`,
};

const VALUE = { amount: 'w.value', weight: 'h.here', total: 'w.owned' };
const COSTED = { amount: 'w.costed', weight: 'h.here', total: 'w.owned' };
const OF_PRODUCT = { within: 'product_id', order: 'place' };

/**
 * SQL of what products are worth, as `worth (product_id, currency, here, costed, value)` of `chosen` and their `units`. A place has
 * its share of what all units of a product are worth, by largest remainder. Units on their way are in the sum of all places only.
 *
 * @param location SQL of the only warehouse it is about; null: all units
 */
export function worthSql(method: ValuationMethod, when: When, { location }: { location: string }): string {
  return `held as (
       select product_id, case when ${location} is not null then place end as place, sum(units) as here from units group by 1, 2
     ), owned as (
       select product_id, sum(here) as owned from held group by 1
     ), ${COSTS[when]}, ${WHOLE[method](when)}, parted as (
       select h.product_id, h.place, h.here, w.value, w.costed, w.currency,
              ${floorOf(VALUE)} as value_down, ${remainderOf(VALUE)} as value_rest,
              ${floorOf(COSTED)} as costed_down, ${remainderOf(COSTED)} as costed_rest
       from held h join whole w on w.product_id = h.product_id
     ), shared as (
       select product_id, place, here, currency,
              ${partOf({ floor: 'value_down', remainder: 'value_rest', amount: 'value', ...OF_PRODUCT })} as value,
              ${partOf({ floor: 'costed_down', remainder: 'costed_rest', amount: 'costed', ...OF_PRODUCT })} as costed
       from parted
     ), worth as (
       select s.product_id, coalesce(k.currency, s.currency) as currency, s.here, s.costed, s.value
       from shared s left join costs k on k.product_id = s.product_id
       where ${location} is null or s.place = ${location}
     )`;
}
