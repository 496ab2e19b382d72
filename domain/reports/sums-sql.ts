import { literals } from '../../platform/database/literals';
import { followerSql } from '../event-log/follower-sql';
import { KINDS_WITHOUT_PAYMENT } from '../money/types';
import { REPORTED_ORDER_EVENTS, REPORT_SOURCES } from './types';

/** SQL of the begin of the quarter of an hour that a time is in: days of all time zones begin with one. */
export function quarterOf(time: string): string {
  return `date_bin('15 minutes', ${time}, timestamptz '2000-01-01 00:00:00+00')`;
}

const { place, isKept, sources, unsummed } = followerSql('report_cursor', REPORT_SOURCES);

export const SOURCES = sources;

/** SQL of how far the sums are, see `FollowerSql`. */
export const PLACE = place;
export const IS_KEPT = isKept;
export const UNSUMMED = unsummed;

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
