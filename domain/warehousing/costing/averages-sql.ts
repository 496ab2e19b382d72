/** SQL of the units of a product that are in stock or on their way: nobody has sold them. */
export function ownedUnits(productId: string): string {
  return `(coalesce((select sum(s.on_hand) from stock s where s.product_id = ${productId}), 0)
    + coalesce((select sum(t.open) from transfers t where t.product_id = ${productId} and t.status = 'in_transit'), 0))`;
}

/** SQL that keeps what products cost from the ledger's time of this transaction on, of the rows that `changed` has. */
export const NOTE_STEPS = `insert into product_cost_steps as k (product_id, at, average_minor, costed_units, owned_units, currency)
  select product_id, ledger_time(), average_minor, costed_units, owned, currency from changed
  on conflict (product_id, at) do update
  set average_minor = excluded.average_minor, costed_units = excluded.costed_units, owned_units = excluded.owned_units,
      currency = excluded.currency`;

/**
 * SQL of the condition that all units of a product, by their average, cost more than an amount can be.
 *
 * @param largest SQL of the largest amount
 */
export function costsTooMuch(largest: string): string {
  return `round(average_minor * costed_units) > ${largest}::bigint`;
}
