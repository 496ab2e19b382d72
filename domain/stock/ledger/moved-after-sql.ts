/** By how much the clock of who sends a time may be ahead of PostgreSQL's. SQL. */
export const CLOCK_SKEW = `interval '5 seconds'`;

/**
 * SQL of the `units` that entries of a stock row moved after a time, both SQL: what is on hand, less these, is what the ledger says
 * was on hand then. One look into the index by (product, warehouse, at).
 *
 * @param row has `product_id` and `warehouse_id`
 * @param since a time that is the same for all rows and later than none of theirs: PostgreSQL then finds out once, not for each
 *   row, which months have entries after it (of 10,000 rows that took 100 of 600 ms)
 */
export function movedAfterSql(row: string, asOf: string, since = asOf): string {
  return `select coalesce(sum(e.on_hand_delta), 0)::bigint as units from inventory_transactions e
     where e.product_id = ${row}.product_id and e.warehouse_id = ${row}.warehouse_id and e.at > ${since}
       -- Leaves out the partitions of months to come.
       and e.at < now() + interval '1 day'
       and ledger_takes_effect_after(e.kind, e.at, e.as_of, ${asOf})`;
}
