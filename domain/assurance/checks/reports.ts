import { moneyOf, ordersOf, quarterOf, salesOf, UNSUMMED } from '../../reports/sums-sql';
import type { SqlCheck } from '../types';
import { wrongSums, type ComparedSums } from './wrong-sums';

/** What was dropped of the ledger is in the sums still; an incremental run looks at what happened since the last one. */
const SINCE = '(select at from since)';

const SOURCE = { from: SINCE };
const SOURCE_UNSUMMED = { from: SINCE, ids: 'wanted' };
const SUMMED = `bucket >= ${SINCE}`;

/** SQL of sums of a table of reports that are not what their source has. */
function wrong(table: string, compared: Omit<ComparedSums, 'kept'>): string {
  return wrongSums({ ...compared, kept: `select * from ${table} where ${SUMMED}` });
}

export const REPORT_CHECKS: readonly SqlCheck[] = [
  {
    id: 'report_sums',
    title: 'Sums of reports are what ledgers and histories of orders have',
    severity: 'error',
    finding:
      'A quarter of an hour of report_sales (SKU, warehouse, currency), report_money (merchant, currency) or report_orders (type), and how much the source has more than the sum',
    repair: 'For a person: holdfast reports rebuild has all sums made anew.',
    statement: ({ since }) => ({
      name: 'consistency.report_sums',
      text: `with ${UNSUMMED}, since as materialized (
          select greatest(case when $1::timestamptz is null then '-infinity'::timestamptz else ${quarterOf('$1::timestamptz')} end,
            (select max(upper_bound) from ledger_folds)) as at
        ), sales as (${wrong('report_sales', {
          key: 'bucket, product_id, warehouse_id, currency, merchant_id',
          sums: ['units', 'sales_minor', 'returned_units', 'returned_minor'],
          sources: [salesOf(SOURCE), salesOf(SOURCE_UNSUMMED)],
        })}), money as (${wrong('report_money', {
          key: 'bucket, merchant_id, currency',
          sums: ['captured_minor', 'refunded_minor', 'disputed_minor', 'fee_minor'],
          sources: [moneyOf(SOURCE), moneyOf(SOURCE_UNSUMMED)],
        })}), happened as (${wrong('report_orders', {
          key: 'bucket, type',
          sums: ['count'],
          sources: [ordersOf(SOURCE), ordersOf(SOURCE_UNSUMMED)],
        })}), found as (
          select 'sales:' || p.sku || '@' || w.code || ':' || trim(s.currency) as what, s.bucket, to_jsonb(s) as missing
          from sales s join products p on p.id = s.product_id join warehouses w on w.id = s.warehouse_id
          union all
          select 'money:' || coalesce(m.code, 'none') || ':' || trim(s.currency), s.bucket, to_jsonb(s)
          from money s left join merchants m on m.id = s.merchant_id
          union all
          select 'orders:' || s.type, s.bucket, to_jsonb(s) from happened s
        )
        -- Until they are all made, they are less.
        select what || ':' || to_char(bucket at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') as subject, missing as details
        from found where not exists (select from report_builds) order by 1`,
      values: [since],
    }),
  },
];
