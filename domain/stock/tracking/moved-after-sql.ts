/**
 * SQL of the effects that moved units of a place after the time of `n`: `effect_id` and `kind`, which the movements of its lots and
 * serial numbers carry as well. When units of a lot moved is said by the entry of the ledger, as it is for the place: never by the time of
 * the movement's row, which may be of before or after its entry. Units that left late move as `ship` does. A correction without a difference may have moved units from one lot to
 * another.
 */
export const EFFECTS_AFTER = `select distinct e.effect_id, case e.kind when 'ship_late' then 'ship' else e.kind end as kind
  from inventory_transactions e
  where e.product_id = n.product_id and e.warehouse_id = n.warehouse_id and e.at > n.as_of and e.at < now() + interval '1 day'
    and (e.on_hand_delta <> 0 or e.as_of is not null) and ledger_takes_effect_after(e.kind, e.at, e.as_of, n.as_of)`;

/**
 * SQL of the `units` of each lot (`lot_id`) that moved after a time at places. The ledger of a place is read once for all of its lots.
 *
 * @param places SQL of distinct rows `n` with `product_id`, `warehouse_id` and `as_of`
 */
export function lotsMovedAfterSql(places: string): string {
  return `select v.lot_id, n.as_of, sum(v.quantity)::bigint as units
     from ${places} cross join lateral (${EFFECTS_AFTER}) e
     join lot_movements v on v.effect_id = e.effect_id and v.kind = e.kind
       and v.product_id = n.product_id and v.warehouse_id = n.warehouse_id
     group by 1, 2`;
}
