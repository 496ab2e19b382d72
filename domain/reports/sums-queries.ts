import { execute, one, type Queryable, type Transaction } from '../../platform/database/database';
import { IS_KEPT, moneyOf, ordersOf, PLACE, salesOf, SOURCES } from './sums-sql';

/** One follower at a time; false: another one has its turn. Held until the transaction ends. */
export async function tryFollowerLock(tx: Transaction): Promise<boolean> {
  const { locked } = await one<{ locked: boolean }>(
    tx,
    'reports.try_lock',
    `select pg_try_advisory_xact_lock(hashtext('holdfast.follow_sales')) as locked`,
  );
  return locked;
}

/** Waits for the turn of another follower to end. Held until the transaction ends. */
export function lockFollower(tx: Transaction): Promise<number> {
  return execute(tx, 'reports.lock', `select pg_advisory_xact_lock(hashtext('holdfast.follow_sales'))`);
}

export interface FollowerState {
  /** What was there before is not in the sums yet. */
  isBuilding: boolean;
  /** Positions after the cursor are kept no more. */
  isLost: boolean;
  /** There are positions after the cursor. */
  isBehind: boolean;
}

export function selectFollowerState(on: Queryable): Promise<FollowerState> {
  return one<FollowerState & Record<string, unknown>>(
    on,
    'reports.state',
    `select exists (select from report_builds) as "isBuilding", h.next_position > c.position + 1 as "isBehind",
       not ${IS_KEPT} as "isLost"
     from ${PLACE}`,
  );
}

/** What was there before is not in the sums yet, so that these lack it once it is dropped. */
export async function isBuilding(on: Queryable): Promise<boolean> {
  const { building } = await one<{ building: boolean }>(
    on,
    'reports.is_building',
    'select exists (select from report_builds) as building',
  );
  return building;
}

/** SQL that adds what `wanted` names to the sums. */
const ADDED = `sales as (
    insert into report_sales as r (bucket, product_id, warehouse_id, currency, merchant_id, units, sales_minor, returned_units, returned_minor)
    ${salesOf({ ids: 'wanted' })}
    on conflict on constraint report_sales_key do update
    set units = r.units + excluded.units, sales_minor = r.sales_minor + excluded.sales_minor,
        returned_units = r.returned_units + excluded.returned_units, returned_minor = r.returned_minor + excluded.returned_minor
  ), money as (
    insert into report_money as r (bucket, merchant_id, currency, captured_minor, refunded_minor, disputed_minor, fee_minor)
    ${moneyOf({ ids: 'wanted' })}
    on conflict on constraint report_money_key do update
    set captured_minor = r.captured_minor + excluded.captured_minor, refunded_minor = r.refunded_minor + excluded.refunded_minor,
        disputed_minor = r.disputed_minor + excluded.disputed_minor, fee_minor = r.fee_minor + excluded.fee_minor
  ), orders_counted as (${addOrders(ordersOf({ ids: 'wanted' }))})`;

/** SQL that adds rows of `report_orders`. */
function addOrders(rows: string): string {
  return `insert into report_orders as r (bucket, type, count) ${rows}
    on conflict (bucket, type) do update set count = r.count + excluded.count`;
}

/** Adds what histories have that was written before their rows had ids, before the first part of them. */
export async function addOldOrders(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'reports.add_old_orders',
    addOrders(
      ordersOf(
        {},
        `t.id is null and (select source = 'orders' and done_to = 0 from report_builds order by source limit 1)`,
      ),
    ),
  );
}

/** Adds the next batches after the cursor to the sums and moves it on, in one statement. Returns how many batches. */
export async function addBatches(tx: Transaction, limit: number): Promise<number> {
  const { batches } = await one<{ batches: number }>(
    tx,
    'reports.add_batches',
    `with batch as materialized (
       select * from event_batches where first_position > (select position from report_cursor) order by first_position limit $1
     ), wanted as materialized (
       select b.source, lower(r) as from_id, upper(r) as to_id from batch b cross join lateral unnest(b.ids) r where b.source in ${SOURCES}
     ), ${ADDED}, moved as (
       update report_cursor set position = (select max(last_position) from batch) where exists (select from batch)
     )
     select count(*)::int as batches from batch`,
    [limit],
  );
  return batches;
}

/** Adds the next rows of what was there before to the sums, in one statement. */
export function addPart(tx: Transaction, ids: number): Promise<number> {
  return execute(
    tx,
    'reports.add_part',
    `with part as materialized (
       select source, up_to, done_to, least(up_to, done_to + $1) as to_id, without from report_builds order by source limit 1
     ), wanted as materialized (
       select p.source, lower(r) as from_id, upper(r) as to_id
       from part p cross join lateral unnest(int8multirange(int8range(p.done_to, p.to_id, '(]')) - p.without) r
     ), ${ADDED}, moved as (
       update report_builds b set done_to = p.to_id from part p where b.source = p.source and p.to_id < p.up_to
     )
     delete from report_builds b using part p where b.source = p.source and p.to_id >= p.up_to`,
    [ids],
  );
}

/** Removes the sums, but for days of which the ledger keeps no entries. */
export async function deleteSums(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'reports.delete_sales',
    `delete from report_sales where bucket >= coalesce((select max(upper_bound) from ledger_folds), '-infinity')`,
  );
  await execute(tx, 'reports.delete_money', 'delete from report_money');
  await execute(tx, 'reports.delete_orders', 'delete from report_orders');
}

/** Has the sums begin anew: with what has a position now, then with what gets one later. In one snapshot. */
export function beginBuilds(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'reports.begin_builds',
    `with builds as (
       insert into report_builds (source, up_to, without)
       select s.source, s.scanned_to,
         coalesce((select range_agg(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source = s.source), '{}')
       from event_sources s where s.source in ${SOURCES}
       on conflict (source) do update set up_to = excluded.up_to, without = excluded.without, done_to = 0
     )
     update report_cursor set position = (select next_position - 1 from event_head)`,
  );
}
