import { execute, many, one, type Queryable, type Transaction } from '../../platform/database/database';
import type { FollowerState } from '../event-log/follower';
import {
  bucketed,
  FOLLOWER,
  factsOf,
  INTO_CATEGORIES,
  measuresOf,
  OLD_DEMAND,
  OPENED_FACTS,
  orAddTo,
} from './sums-sql';
import { NONE, type Grain } from './types';

/** What is to be done: also products whose category was changed. */
export async function selectState(on: Queryable): Promise<FollowerState> {
  const { hasMoved, ...state } = await one<FollowerState & { hasMoved: boolean }>(
    on,
    'analytics.state',
    `select ${FOLLOWER.state}, exists (select from analytics_recategorised) as "hasMoved" from ${FOLLOWER.place}`,
  );
  return { ...state, isBehind: state.isBehind || hasMoved };
}

/** For how many seconds the first event has had a position that is not in the sums; 0: there is none. */
export async function selectBehindSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'analytics.behind',
    `select coalesce((
       select greatest(extract(epoch from clock_timestamp() - b.numbered_at), 0) from event_batches b
       where b.first_position > (select position from analytics_cursor) order by b.first_position limit 1), 0)::float8 as seconds`,
  );
  return seconds;
}

/**
 * Up to which time nothing more is written to the ledger, or to what things cost. In a statement of its own, before that which reads what is
 * final: what a sale cost is then what it will always have cost.
 */
export async function selectFinalUntil(tx: Transaction): Promise<string> {
  const { at } = await one<{ at: string }>(
    tx,
    'analytics.final_until',
    'select ledger_final_until()::text as at',
  );
  return at;
}

/** SQL that adds rows, as `bucketed` has them, to a table of sums, by how adding to it begins. */
function adding(into: string, grain: Grain, keys: readonly string[], rows: string): string {
  const by = [grain, ...keys, 'currency'];
  const measures = measuresOf(grain);
  return `${into} as r (${[...by, ...measures].join(', ')}) ${rows} order by ${by.join(', ')} ${orAddTo(by, measures)}`;
}

const CATEGORY_KEYS = ['category_id', 'warehouse_id'];

/** SQL that adds facts of categories to the sums of each grain, as parts of a WITH. */
function addingByCategory(facts: string): string {
  const placed = `select * from (${facts}) p where warehouse_id <> ${NONE}`;
  return `hours as (${adding(INTO_CATEGORIES.hour, 'hour', CATEGORY_KEYS, bucketed(placed, 'hour', CATEGORY_KEYS))}
  ), days as (${adding(INTO_CATEGORIES.day, 'day', CATEGORY_KEYS, bucketed(facts, 'day', CATEGORY_KEYS))}
  ), months as (${adding(INTO_CATEGORIES.month, 'month', CATEGORY_KEYS, bucketed(facts, 'month', CATEGORY_KEYS))})`;
}

/** SQL that adds facts to all sums, as parts of a WITH. Products that are new are noted with the category that they have. */
function addingFacts(facts: string): string {
  return `facts as materialized (${facts}
  ), seen as materialized (
    select f.product_id, coalesce(a.category_id, p.category_id, ${NONE}) as category_id, a.product_id is null as is_new
    from (select distinct product_id from facts) f
    join products p on p.id = f.product_id left join analytics_products a on a.product_id = f.product_id
  ), noted as (
    insert into analytics_products (product_id, category_id) select product_id, category_id from seen where is_new order by 1
  ), placed as materialized (
    select f.*, s.category_id from facts f join seen s on s.product_id = f.product_id
  ), product_days as (${adding(
    'insert into analytics_product_days',
    'day',
    ['product_id', 'warehouse_id'],
    bucketed('select * from placed', 'day', ['product_id', 'warehouse_id']),
  )}
  ), ${addingByCategory('select * from placed')}`;
}

/**
 * Adds the next batches after the cursor to the sums and moves it on, in one statement: those that were numbered before a time. Returns how
 * many batches.
 */
export async function addBatches(
  tx: Transaction,
  { limit, numberedBefore }: { limit: number; numberedBefore: string },
): Promise<number> {
  const { batches } = await one<{ batches: number }>(
    tx,
    'analytics.add_batches',
    `with next as materialized (
       select * from event_batches where first_position > (select position from analytics_cursor) order by first_position limit $1
     ), batch as materialized (
       select * from next n where not exists (
         select from next o where o.first_position <= n.first_position and o.numbered_at > $2::timestamptz)
     ), wanted as materialized (
       select b.source, lower(r) as from_id, upper(r) as to_id
       from batch b cross join lateral unnest(b.ids) r where b.source in ${FOLLOWER.sources}
     ), ${addingFacts(factsOf({ ids: 'wanted' }))}, moved as (
       update analytics_cursor set position = (select max(last_position) from batch) where exists (select from batch)
     )
     select count(*)::int as batches from batch`,
    [limit, numberedBefore],
  );
  return batches;
}

/** Where the sums of what was there before are: the source whose rows are next, and whether all that it has is final. */
export function selectBuild(
  tx: Transaction,
  finalUntil: string,
): Promise<{ source: string; isFirst: boolean; isFinal: boolean }[]> {
  return many<{ source: string; isFirst: boolean; isFinal: boolean }>(
    tx,
    'analytics.build',
    `select source, done_to = 0 as "isFirst", begun_at <= $1::timestamptz as "isFinal" from analytics_builds order by source limit 1`,
    [finalUntil],
  );
}

/** The ledger before its horizon, before the first part of it. */
export async function addOpened(tx: Transaction): Promise<void> {
  await execute(tx, 'analytics.add_opened', `with ${addingFacts(OPENED_FACTS)} select from facts`);
}

/** Histories that were written before their rows had ids, before the first part of them. */
export async function addOldDemand(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'analytics.add_old_demand',
    `with ${addingFacts(`${OLD_DEMAND} where at >= ${HORIZON}`)} select from facts`,
  );
}

/** SQL of when the ledger begins that is kept: sums of the time before stay as they are. */
const HORIZON = `coalesce((select max(upper_bound) from ledger_folds), '-infinity')`;
const HORIZON_DAY = `(${HORIZON} at time zone 'UTC')::date`;

/** Adds the next rows of what was there before to the sums, in one statement. */
export function addPart(tx: Transaction, ids: number): Promise<number> {
  return execute(
    tx,
    'analytics.add_part',
    `with part as materialized (
       select source, up_to, done_to, least(up_to, done_to + $1) as to_id, without from analytics_builds order by source limit 1
     ), wanted as materialized (
       select p.source, lower(r) as from_id, upper(r) as to_id
       from part p cross join lateral unnest(int8multirange(int8range(p.done_to, p.to_id, '(]')) - p.without) r
     ), ${addingFacts(factsOf({ ids: 'wanted', from: HORIZON }))}, done as (
       update analytics_builds b set done_to = p.to_id from part p where b.source = p.source and p.to_id < p.up_to
     )
     delete from analytics_builds b using part p where b.source = p.source and p.to_id >= p.up_to`,
    [ids],
  );
}

/** Removes the sums, but for days of which the ledger keeps no entries. */
export async function deleteSums(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'analytics.delete_product_days',
    `delete from analytics_product_days where day >= ${HORIZON_DAY}`,
  );
  await execute(tx, 'analytics.delete_hours', 'delete from analytics_category_hours');
  await execute(
    tx,
    'analytics.delete_days',
    `delete from analytics_category_days where day >= ${HORIZON_DAY}`,
  );
  await execute(
    tx,
    'analytics.delete_months',
    `delete from analytics_category_months where month >= ${HORIZON_DAY}`,
  );
}

/** Hours are kept as long as the ledger is. */
export function deleteOldHours(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'analytics.delete_old_hours',
    `delete from analytics_category_hours where hour < (select max(upper_bound) from ledger_folds)`,
  );
}

/** Has the sums begin anew: with what has a position now, then with what gets one later. In one snapshot. */
export function beginBuilds(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'analytics.begin_builds',
    `with builds as (
       insert into analytics_builds (source, up_to, without)
       ${FOLLOWER.numbered}
       on conflict (source) do update
       set up_to = excluded.up_to, without = excluded.without, done_to = 0, begun_at = excluded.begun_at
     )
     update analytics_cursor set position = (select next_position - 1 from event_head)`,
  );
}
