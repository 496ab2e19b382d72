import { execute, maybeOne, one, type Queryable, type Transaction } from '../../platform/database/database';
import type { FollowerState } from '../event-log/follower';
import type { Fact } from './facts';
import { scoped, type ScopeKind } from './facts-queries';
import { SPAN_MINUTES } from './spans';
import { bucketOf, DIMENSIONS, eachFigure, factsOf, FOLLOWER, ID_OF_FACT, ordersOf } from './sums-sql';
import type { REPORT_SOURCES } from './types';

export function selectState(on: Queryable): Promise<FollowerState> {
  return one<FollowerState & Record<string, unknown>>(
    on,
    'reports.state',
    `select ${FOLLOWER.state} from ${FOLLOWER.place}`,
  );
}

/** Seconds since the oldest event was numbered that is not in the sums, or since they began anew. 0: they have all. */
export async function selectBehindSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'reports.behind_seconds',
    `select greatest(0, extract(epoch from clock_timestamp() - least(
       (select b.numbered_at from event_batches b where b.first_position > (select position from report_cursor)
        order by b.first_position limit 1),
       (select min(began_at) from report_builds))))::float8 as seconds`,
  );
  return seconds;
}

/** The next batches of the stream after the cursor, so many at most; undefined: there are none. */
export function selectNextBatches(
  tx: Transaction,
  limit: number,
): Promise<{ after: string; upTo: string; batches: number } | undefined> {
  return maybeOne(
    tx,
    'reports.next_batches',
    `select c.position::text as after, b."upTo"::text as "upTo", b.batches
     from report_cursor c cross join lateral (
       select max(last_position) as "upTo", count(*)::int as batches from (
         select last_position from event_batches where first_position > c.position order by first_position limit $1) n) b
     where b.batches > 0`,
    [limit],
  );
}

export function moveCursor(tx: Transaction, position: string): Promise<number> {
  return execute(tx, 'reports.move_cursor', 'update report_cursor set position = $1', [position]);
}

/** Adds facts to the sums of each dimension and length of buckets, in one statement. */
export async function addFacts(tx: Transaction, facts: readonly Fact[]): Promise<void> {
  await execute(
    tx,
    'reports.add_facts',
    `insert into report_sums as r (dimension, minutes, bucket, id, currency, ${eachFigure((figure) => figure)})
     select d.dimension, m.minutes, ${bucketOf('f.bucket', 'm.minutes')}, ${ID_OF_FACT}, f.currency, ${eachFigure((figure) => `sum(f.${figure})::bigint`)}
     from (${factsOf('$1')}) f cross join unnest($2::int[]) m (minutes) cross join unnest($3::text[]) d (dimension)
     where d.dimension <> 'all' or m.minutes = (select min(minutes) from unnest($2::int[]) l (minutes))
     group by 1, 2, 3, 4, 5
     on conflict on constraint report_sums_key do update set ${eachFigure((figure) => `${figure} = r.${figure} + excluded.${figure}`)}`,
    [JSON.stringify(facts), SPAN_MINUTES, DIMENSIONS],
  );
}

/** Adds what a scope has of histories of orders to the counts. */
export async function addOrders(tx: Transaction, of: ScopeKind, values: readonly string[]): Promise<void> {
  await execute(
    tx,
    `reports.add_orders_of_${of}`,
    `with ${scoped(of).wanted} ${insertCounts(ordersOf(scoped(of)))}`,
    [...values],
  );
}

/** Adds what histories have that was written before their rows had ids. */
export async function addOldOrders(tx: Transaction): Promise<void> {
  await execute(tx, 'reports.add_old_orders', insertCounts(ordersOf({}, 't.id is null')));
}

/** SQL that adds rows of `report_orders`. */
function insertCounts(rows: string): string {
  return `insert into report_orders as r (bucket, type, count) ${rows}
    on conflict (bucket, type) do update set count = r.count + excluded.count`;
}

/** What was there before of a source: ids that are added next. */
export interface BuildPart {
  source: (typeof REPORT_SOURCES)[number];
  /** Ids up to this one are in the sums. */
  after: string;
  upTo: string;
  isFirst: boolean;
  isLast: boolean;
}

/** The next part of what was there before; undefined: it is all in the sums. */
export function selectNextPart(tx: Transaction, ids: number): Promise<BuildPart | undefined> {
  return maybeOne<BuildPart & Record<string, unknown>>(
    tx,
    'reports.next_part',
    `select source, done_to::text as after, least(up_to, done_to + $1)::text as "upTo", done_to = 0 as "isFirst",
       done_to + $1 >= up_to as "isLast"
     from report_builds order by source limit 1`,
    [ids],
  );
}

export async function setPartDone(tx: Transaction, { source, upTo, isLast }: BuildPart): Promise<void> {
  if (isLast) await execute(tx, 'reports.end_build', 'delete from report_builds where source = $1', [source]);
  else
    await execute(tx, 'reports.part_done', 'update report_builds set done_to = $2 where source = $1', [
      source,
      upTo,
    ]);
}

/** What left in months that the stock ledger has dropped is nowhere else, nor what it cost. Money and histories of orders are. */
const IS_NOWHERE_ELSE = `coalesce(bucket < (select max(upper_bound) from ledger_folds), false)
  and (units, returned_units, costed_units, uncosted_units) <> (0, 0, 0, 0)`;
const WITHOUT_MONEY = 'captured_minor = 0, refunded_minor = 0, disputed_minor = 0, fee_minor = 0';

/** Removes the sums, but what is nowhere else. */
export async function deleteSums(tx: Transaction): Promise<void> {
  await execute(tx, 'reports.delete_sums', `delete from report_sums where not (${IS_NOWHERE_ELSE})`);
  await execute(tx, 'reports.clear_money', `update report_sums set ${WITHOUT_MONEY}`);
  await execute(tx, 'reports.delete_counts', 'delete from report_orders');
}

/** Has the sums begin anew: with what has a position now, then with what gets one later. In one snapshot. */
export function beginBuilds(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'reports.begin_builds',
    `with builds as (
       insert into report_builds (source, up_to, without)
       ${FOLLOWER.numbered}
       on conflict (source) do update set up_to = excluded.up_to, without = excluded.without, done_to = 0, began_at = excluded.began_at
     )
     update report_cursor set position = (select next_position - 1 from event_head)`,
  );
}
