import { literals } from '../../platform/database/literals';
import { followerSql } from '../event-log/follower-sql';
import { rowsOf as sourceRows, type Narrowed } from '../event-log/rows-sql';
import { KINDS_WITHOUT_PAYMENT } from '../money/types';
import { SOLD_LEDGER_KINDS } from '../stock/ledger/types';
import { SPAN_MINUTES } from './spans';
import { REPORTED_ORDER_EVENTS, REPORT_SOURCES } from './types';

const [SHORTEST] = SPAN_MINUTES;

/** SQL of the begin of the bucket that a time is in. `minutes`: SQL of its length. */
export function bucketOf(time: string, minutes: string): string {
  return `date_bin(make_interval(mins => ${minutes}), ${time}, timestamptz '2000-01-01 00:00:00+00')`;
}

/** SQL of the begin of the quarter of an hour that a time is in: days of all time zones begin with one. */
export function quarterOf(time: string): string {
  return bucketOf(time, String(SHORTEST));
}

export const FOLLOWER = followerSql({
  cursor: 'report_cursor',
  builds: 'report_builds',
  sources: REPORT_SOURCES,
});

/** Columns of sums, whole numbers: units, and minor units of the currency. */
export const FIGURE_COLUMNS = [
  'units',
  'sales_minor',
  'returned_units',
  'returned_minor',
  'captured_minor',
  'refunded_minor',
  'disputed_minor',
  'fee_minor',
  'costed_units',
  'cost_minor',
  'uncosted_units',
] as const;
export type FigureColumn = (typeof FIGURE_COLUMNS)[number];

/** By what sums are kept. `all` is kept by the shortest bucket only. */
export const DIMENSIONS = ['all', 'merchant', 'product', 'warehouse'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** SQL of what a fact `f` is of, in the dimension `d`. */
export const ID_OF_FACT =
  "case d.dimension when 'product' then f.product_id when 'warehouse' then f.warehouse_id when 'merchant' then f.merchant_id end";

/** SQL condition on rows of `report_sums`: sums of all by quarter of an hour. */
export const ALL_BY_QUARTER = `dimension = 'all' and minutes = ${SHORTEST}`;

/** SQL of facts that are not in the sums, of a parameter. */
export function factsOf(parameter: string): string {
  return `select bucket, product_id, warehouse_id, merchant_id, currency, ${eachFigure((figure) => `coalesce(${figure}, 0) as ${figure}`)}
    from jsonb_to_recordset(${parameter}::jsonb) as f (bucket timestamptz, product_id int, warehouse_id int, merchant_id int, currency text,
      ${eachFigure((figure) => `${figure} bigint`)})`;
}

/** SQL of a list of something about each figure. */
export const eachFigure = (of: (figure: FigureColumn) => string) => FIGURE_COLUMNS.map(of).join(', ');

/** SQL of the rows `t` of a source. Money is told at the time at which it moved. */
export function rowsOf(source: (typeof REPORT_SOURCES)[number], narrowed: Narrowed): string {
  return sourceRows(source, narrowed, source === 'money' ? 't.effective_at' : 't.at');
}

/** SQL condition on an entry `t` of the money ledger: it is of a payment. */
export const OF_PAYMENT = `t.kind not in ${literals(KINDS_WITHOUT_PAYMENT)}`;

/** SQL of the entry `t` of the stock ledger, and the item `i` of its order `o`, by which units were sold or came back. */
export const SOLD_OR_RETURNED = {
  join: 'join orders o on o.id = t.order_id join order_items i on i.order_id = t.order_id and i.product_id = t.product_id',
  where: `t.kind in ('ship', 'return') and t.on_hand_delta <> 0`,
  figures: {
    units: `case t.kind when 'ship' then -t.on_hand_delta else 0 end`,
    sales_minor: `case t.kind when 'ship' then -t.on_hand_delta * i.unit_price_minor else 0 end`,
    returned_units: `case t.kind when 'return' then t.on_hand_delta else 0 end`,
    returned_minor: `case t.kind when 'return' then t.on_hand_delta * i.unit_price_minor else 0 end`,
  },
} as const;

/** SQL condition on an entry `t` of the stock ledger: by it units left for a customer, so that they have a cost. */
export const LEFT = `t.kind in ${literals(SOLD_LEDGER_KINDS)} and t.on_hand_delta < 0`;

/** SQL of an amount of the money ledger's entry `t` by figure. */
export const MONEY_FIGURES = {
  captured_minor: movedBy('capture'),
  refunded_minor: movedBy('refund', 'refund_failed'),
  disputed_minor: movedBy('dispute', 'dispute_reversed'),
  fee_minor: movedBy('fee', 'fee_returned'),
} as const;

function movedBy(plus: string, minus = 'none'): string {
  return `case t.kind when '${plus}' then t.amount_minor when '${minus}' then -t.amount_minor else 0 end`;
}

/** SQL of counts of histories of orders, as rows of `report_orders`. */
export function ordersOf(narrowed: Narrowed, also = 'true'): string {
  return `select ${quarterOf('t.at')} as bucket, t.type, count(*) as count
    from ${rowsOf('orders', narrowed)}
    where ${also} and t.type in ${literals(Object.values(REPORTED_ORDER_EVENTS))}
    group by 1, 2`;
}
