import { literals } from '../../platform/database/literals';
import { KINDS_WITHOUT_PAYMENT } from '../money/types';
import { REPORTED_ORDER_EVENTS, REPORT_SOURCES } from './types';

/** SQL of the begin of the quarter of an hour that a time is in: days of all time zones begin with one. */
export function quarterOf(time: string): string {
  return `date_bin('15 minutes', ${time}, timestamptz '2000-01-01 00:00:00+00')`;
}

export const SOURCES = literals(REPORT_SOURCES);

/** SQL of how far the sums are: the cursor `c`, the head `h` of the stream, and the first batch `n` after the cursor that is kept. */
export const PLACE = `report_cursor c cross join event_head h
     left join lateral (
       select first_position from event_batches b where b.first_position > c.position order by b.first_position limit 1) n on true`;

/** SQL of whether all positions after the cursor of `PLACE` are kept, so that what the sums lack can be read. */
export const IS_KEPT =
  '(h.next_position = c.position + 1 or n.first_position is not distinct from c.position + 1)';

/**
 * SQL of what is not in the sums, as the set `wanted (source, from_id, to_id)` of ids from one on up to before another: what was numbered
 * after them, and what has no position yet. In one snapshot with the sums it is exactly what they lack.
 */
export const UNSUMMED = `wanted as materialized (
    select b.source, lower(r) as from_id, upper(r) as to_id
    from event_batches b cross join lateral unnest(b.ids) r
    where b.first_position > (select position from report_cursor) and b.source in ${SOURCES}
    union all
    select g.source, lower(r), upper(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source in ${SOURCES}
    union all
    select source, scanned_to + 1, 9223372036854775807 from event_sources where source in ${SOURCES}
  )`;

/** What SQL of sums may be narrowed to. */
export interface Narrowed {
  /** SQL of a set like `wanted`; absent: all rows. */
  ids?: string;
  /** SQL of the first time, and of that before which it ends; absent: all. */
  from?: string;
  to?: string;
}

/**
 * SQL of the rows `t` of a source. Those of `ids` are found by the index of their ids, each range by itself (`offset 0`): the planner takes a
 * range whose bounds it does not know for a large part of the table, and would read all of it.
 */
function rowsOf(
  source: (typeof REPORT_SOURCES)[number],
  { table, time, ids, from, to }: Narrowed & { table: string; time: string },
): string {
  const within = [from && `${time} >= ${from}`, to && `${time} < ${to}`].filter(Boolean);
  if (ids === undefined) return `(select * from ${table} t where ${['true', ...within].join(' and ')}) t`;
  const conditions = ['t.id >= w.from_id', 't.id < w.to_id', ...within].join(' and ');
  return `(select * from ${ids} where source = '${source}') w cross join lateral (select * from ${table} t where ${conditions} offset 0) t`;
}

/** SQL of sums of the stock ledger, as rows of `report_sales`. */
export function salesOf(narrowed: Narrowed): string {
  return `select ${quarterOf('t.at')} as bucket, t.product_id, t.warehouse_id, o.currency, i.merchant_id,
      coalesce(sum(-t.on_hand_delta) filter (where t.kind = 'ship'), 0)::bigint as units,
      coalesce(sum(-t.on_hand_delta * i.unit_price_minor) filter (where t.kind = 'ship'), 0)::bigint as sales_minor,
      coalesce(sum(t.on_hand_delta) filter (where t.kind = 'return'), 0)::bigint as returned_units,
      coalesce(sum(t.on_hand_delta * i.unit_price_minor) filter (where t.kind = 'return'), 0)::bigint as returned_minor
    from ${rowsOf('ledger', { ...narrowed, table: 'inventory_transactions', time: 't.at' })}
    join orders o on o.id = t.order_id join order_items i on i.order_id = t.order_id and i.product_id = t.product_id
    where t.kind in ('ship', 'return') and t.on_hand_delta <> 0
    group by 1, 2, 3, 4, 5`;
}

/** SQL of sums of the money ledger, as rows of `report_money`. */
export function moneyOf(narrowed: Narrowed): string {
  const sum = (plus: string, minus: string) =>
    `coalesce(sum(case t.kind when '${plus}' then t.amount_minor when '${minus}' then -t.amount_minor end), 0)::bigint`;
  return `select ${quarterOf('t.effective_at')} as bucket, t.merchant_id, t.currency,
      coalesce(sum(t.amount_minor) filter (where t.kind = 'capture'), 0)::bigint as captured_minor,
      ${sum('refund', 'refund_failed')} as refunded_minor, ${sum('dispute', 'dispute_reversed')} as disputed_minor,
      ${sum('fee', 'fee_returned')} as fee_minor
    from ${rowsOf('money', { ...narrowed, table: 'money_ledger', time: 't.effective_at' })}
    where t.kind not in ${literals(KINDS_WITHOUT_PAYMENT)}
    group by 1, 2, 3`;
}

/** SQL of counts of histories of orders, as rows of `report_orders`. */
export function ordersOf(narrowed: Narrowed, also = 'true'): string {
  return `select ${quarterOf('t.at')} as bucket, t.type, count(*) as count
    from ${rowsOf('orders', { ...narrowed, table: 'order_events', time: 't.at' })}
    where ${also} and t.type in ${literals(Object.values(REPORTED_ORDER_EVENTS))}
    group by 1, 2`;
}
