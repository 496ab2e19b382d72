import { unitsThen } from './units-sql';

/**
 * SQL of what the units of `sold` cost, each at the average of the time at which they left, as `costed`: the columns of `sold (id, at, product_id,
 * units, …)`, which are entries of the ledger, with `currency`, how many of the units have a cost (`costed`), and that (`cost`). Units of a
 * product whose cost nobody knows leave first, so what there was of it counts: read once as of just before its first units of `sold` left, and
 * followed from there on. So each entry of the ledger from there to the last of them is read once, however many of them there are.
 *
 * @param within SQL condition on `e.at` which all entries of `sold` meet, and those between them: of partitions of others nothing is read
 */
export function costedSql(within: string): string {
  return `products_sold as materialized (
    select product_id as id, min(at) as first, max(at) as last from sold group by 1
  ), had as (
    select u.product_id, sum(u.units) as units from (${unitsThen('products_sold c', `(c.first - interval '1 microsecond')`)}) u group by 1
  ), followed as (
    select e.id, e.product_id, sum(e.on_hand_delta) over (partition by e.product_id order by e.at, e.id) - e.on_hand_delta as moved
    from products_sold c join inventory_transactions e on e.product_id = c.id and e.at between c.first and c.last
    where ${within} and e.on_hand_delta <> 0 and e.kind not in ('transfer_out', 'transfer_in')
  ), costed as (
    select s.*, a.currency, c.costed, round(c.costed * coalesce(a.average_minor, 0)) as cost
    from sold s join followed f on f.id = s.id left join had h on h.product_id = s.product_id
    left join lateral (
      select p.average_minor, p.costed_units, p.currency from product_cost_steps p
      where p.product_id = s.product_id and p.at <= s.at order by p.at desc limit 1) a on true
    cross join lateral (select coalesce(h.units, 0) + f.moved as owned) o
    cross join lateral (
      select case when a.average_minor is null then 0
                  else least(o.owned, a.costed_units) - least(o.owned - s.units, a.costed_units) end as costed) c
  )`;
}
