/**
 * SQL of `each (currency)`: currencies of rows `l` of the ledger, and a null behind them; by the index, from one to the next.
 *
 * @param of SQL condition on the rows
 */
export function eachCurrency(of = 'true'): string {
  return `recursive each as (
       (select l.currency from money_ledger l where ${of} order by l.currency limit 1)
       union all
       select (select l.currency from money_ledger l where ${of} and l.currency > e.currency order by l.currency limit 1)
       from each e where e.currency is not null
     )`;
}
