/** `now`: from the counters; `then`: from the ledger, as of the time `$1`. */
export type When = 'now' | 'then';

/**
 * SQL of the units of products: `product_id`, `place` (warehouse; null: on their way between two of them) and `units`, each above 0.
 *
 * @param products SQL of a list of products with their `id`; `chosen` unless given
 */
export function unitsAt(when: When, products = 'chosen'): string {
  const of = products === 'chosen' ? 'chosen c' : `${products} as c (id)`;
  if (when === 'now') {
    return `
      select s.product_id, s.warehouse_id as place, s.on_hand::bigint as units
      from ${of} join stock s on s.product_id = c.id where s.on_hand > 0 and $1::timestamptz is null
      union all
      select t.product_id, null, sum(t.open) from ${of} join transfers t on t.product_id = c.id
      where t.status = 'in_transit' group by 1`;
  }
  return unitsThen(of, '$1::timestamptz');
}

/**
 * The same as of a time in the past, from the ledger.
 *
 * @param of SQL of the products, as `c` with their `id`
 * @param at SQL of the time, which may be another one for each of them
 */
export function unitsThen(of: string, at: string): string {
  return `
    select s.product_id, s.warehouse_id as place, (coalesce(b.on_hand, o.on_hand, 0) + e.on_hand)::bigint as units
    from ${of} join stock s on s.product_id = c.id
    left join ledger_opening o on o.product_id = s.product_id and o.warehouse_id = s.warehouse_id
    left join lateral (
      select k.at, k.on_hand from ledger_balances k
      where k.product_id = s.product_id and k.warehouse_id = s.warehouse_id and k.at <= ${at}
        and k.at >= coalesce((select max(upper_bound) from ledger_folds), '-infinity')
      order by k.at desc limit 1) b on true
    cross join lateral (
      select coalesce(sum(i.on_hand_delta), 0) as on_hand from inventory_transactions i
      where i.product_id = s.product_id and i.warehouse_id = s.warehouse_id
        and i.at > coalesce(b.at, '-infinity') and i.at <= ${at}) e
    where coalesce(b.on_hand, o.on_hand, 0) + e.on_hand > 0
    union all
    select x.product_id, null, sum(x.quantity - a.units) from ${of} join transfers x on x.product_id = c.id
    cross join lateral (
      select coalesce(sum(r.units), 0) as units from transfer_arrivals r
      where r.transfer_id = x.id and r.at <= ${at}) a
    where x.mode = 'in_transit' and x.created_at <= ${at}
      and (x.status = 'in_transit' or x.updated_at > ${at})
    group by 1 having sum(x.quantity - a.units) > 0`;
}
