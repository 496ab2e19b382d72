import type { Narrowed } from '../../event-log/rows-sql';
import { SPAN_MINUTES } from '../../reports/spans';
import {
  ALL_BY_QUARTER,
  bucketOf,
  DIMENSIONS,
  eachFigure,
  FIGURE_COLUMNS,
  FOLLOWER,
  LEFT,
  MONEY_FIGURES,
  OF_PAYMENT,
  ordersOf,
  quarterOf,
  rowsOf,
  SOLD_OR_RETURNED,
  type Dimension,
} from '../../reports/sums-sql';
import type { SqlCheck } from '../types';
import { wrongSums, type ComparedSums } from './wrong-sums';

/** What was dropped of the ledger is in the sums still; an incremental run looks at what happened since the last one. */
const SINCE = '(select at from since)';

/** All of a source, and what of it is not in the sums yet. */
const ALL: Narrowed = { from: SINCE };
const LACKING: Narrowed = { from: SINCE, ids: 'wanted' };

const sumOf = ([column, of]: readonly [string, string]) => `sum(${of}) as ${column}`;

/** SQL of what was sold and came back, by quarter of an hour, warehouse and currency. */
function salesOf(narrowed: Narrowed): string {
  const { join, where, figures } = SOLD_OR_RETURNED;
  return `select ${quarterOf('t.at')} as bucket, t.warehouse_id, o.currency, ${Object.entries(figures).map(sumOf).join(', ')}
    from ${rowsOf('ledger', narrowed)} ${join} where ${where} group by 1, 2, 3`;
}

/** SQL of units that left, with a known cost or without. */
function leftOf(narrowed: Narrowed): string {
  return `select ${quarterOf('t.at')} as bucket, t.warehouse_id, sum(-t.on_hand_delta) as left_units
    from ${rowsOf('ledger', narrowed)} where ${LEFT} group by 1, 2`;
}

/** SQL of money of payments, by merchant and currency. */
function moneyOf(narrowed: Narrowed): string {
  return `select ${quarterOf('t.effective_at')} as bucket, t.merchant_id, t.currency, ${Object.entries(MONEY_FIGURES).map(sumOf).join(', ')}
    from ${rowsOf('money', narrowed)} where ${OF_PAYMENT} group by 1, 2, 3`;
}

/** SQL of sums of reports that are not what their source has. */
function wrong({
  summed,
  source,
  ...compared
}: Pick<ComparedSums, 'key' | 'sums'> & {
  /** SQL of the sums. */
  summed: string;
  /** SQL of the source's, of what it is narrowed to. */
  source: (narrowed: Narrowed) => string;
}): string {
  return wrongSums({
    ...compared,
    sources: [source(ALL), source(LACKING)],
    kept: `select * from ${summed} s where bucket >= ${SINCE}`,
  });
}

const DAY = String(SPAN_MINUTES.at(-1));

/** SQL of the sums by quarter of an hour of what is of a dimension. `columns`: of the sums. */
const byQuarter = (dimension: Dimension, as: string, columns: string) =>
  `(select bucket, id as ${as}, ${columns} from report_sums where dimension = '${dimension}' and minutes = ${SPAN_MINUTES[0]})`;

const values = (each: readonly (string | number)[]) =>
  `(values ${each.map((value) => `(${value})`).join(', ')})`;
const PARTS = DIMENSIONS.filter((dimension) => dimension !== 'all').map((dimension) => `'${dimension}'`);

/** SQL of buckets whose parts do not have together what all have. */
const UNEQUAL = `select dimension, minutes, bucket, currency, ${eachFigure((figure) => `sum(${figure}) as ${figure}`)} from (
      select d.dimension, m.minutes, ${bucketOf('q.bucket', 'm.minutes')} as bucket, q.currency, ${eachFigure((figure) => `q.${figure}`)}
      from (select * from report_sums where ${ALL_BY_QUARTER}) q
      cross join ${values(SPAN_MINUTES)} m (minutes) cross join ${values(PARTS)} d (dimension)
      where q.bucket >= ${bucketOf(SINCE, DAY)}
      union all
      select dimension, minutes, bucket, currency, ${eachFigure((figure) => `-${figure}`)}
      from report_sums where dimension <> 'all' and bucket >= ${bucketOf(SINCE, DAY)}) d
    group by 1, 2, 3, 4 having ${FIGURE_COLUMNS.map((figure) => `sum(${figure}) <> 0`).join(' or ')}`;

const SALES_COLUMNS = Object.keys(SOLD_OR_RETURNED.figures);
const MONEY_COLUMNS = Object.keys(MONEY_FIGURES);

export const REPORT_CHECKS: readonly SqlCheck[] = [
  {
    id: 'report_sums',
    title: 'Sums of reports are what ledgers and histories of orders have',
    severity: 'error',
    finding:
      'A quarter of an hour of report_sums (sales: warehouse, currency; left: warehouse; money: merchant, currency) or report_orders (orders: type), and how much the source has more than the sum; or a bucket of so many minutes of report_sums (parts: dimension, minutes, currency), and how much more all have',
    repair: 'For a person: holdfast reports rebuild has all sums made anew.',
    statement: ({ since }) => ({
      name: 'consistency.report_sums',
      text: `with ${FOLLOWER.unsummed}, since as materialized (
          select greatest(case when $1::timestamptz is null then '-infinity'::timestamptz else ${quarterOf('$1::timestamptz')} end,
            (select max(upper_bound) from ledger_folds)) as at
        ), sales as (${wrong({
          summed: byQuarter('warehouse', 'warehouse_id', ['currency', ...SALES_COLUMNS].join(', ')),
          key: 'bucket, warehouse_id, currency',
          sums: SALES_COLUMNS,
          source: salesOf,
        })}), gone as (${wrong({
          summed: byQuarter('warehouse', 'warehouse_id', 'costed_units + uncosted_units as left_units'),
          key: 'bucket, warehouse_id',
          sums: ['left_units'],
          source: leftOf,
        })}), money as (${wrong({
          summed: byQuarter('merchant', 'merchant_id', ['currency', ...MONEY_COLUMNS].join(', ')),
          key: 'bucket, merchant_id, currency',
          sums: MONEY_COLUMNS,
          source: moneyOf,
        })}), happened as (${wrong({
          summed: 'report_orders',
          key: 'bucket, type',
          sums: ['count'],
          source: ordersOf,
        })}), unequal as (${UNEQUAL}), found as (
          select 'sales:' || coalesce(w.code, 'none') || ':' || trim(s.currency) as what, s.bucket, to_jsonb(s) as missing
          from sales s left join warehouses w on w.id = s.warehouse_id
          union all
          select 'left:' || coalesce(w.code, 'none'), s.bucket, to_jsonb(s) from gone s left join warehouses w on w.id = s.warehouse_id
          union all
          select 'money:' || coalesce(m.code, 'none') || ':' || trim(s.currency), s.bucket, to_jsonb(s)
          from money s left join merchants m on m.id = s.merchant_id
          union all
          select 'orders:' || s.type, s.bucket, to_jsonb(s) from happened s
          union all
          select 'parts:' || s.dimension || ':' || s.minutes || ':' || trim(s.currency), s.bucket, to_jsonb(s) from unequal s
        )
        -- Until they are all made, they are less.
        select what || ':' || to_char(bucket at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') as subject, missing as details
        from found where not exists (select from report_builds) order by 1`,
      values: [since],
    }),
  },
];
