import type { StagedBatch } from '../ledger/types';
import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import type { FeedMode } from './types';

export const COPY_ROWS =
  'copy feed_rows (feed_id, line, sku, location, quantity, reason, reference, as_of, given, code, detail) from stdin';

/** Locations that a code may mean: the one that has it exactly, else those that have it but for capitals. */
export async function countLocations(on: Queryable, code: string): Promise<number> {
  const { count } = await one<{ count: number }>(
    on,
    'feeds.count_locations',
    `select case when count(*) filter (where code = $1) = 1 then 1 else count(*) end as count
     from warehouses where lower(code) = lower($1)`,
    [code],
  );
  return count;
}

/** Rows that were just loaded have no statistics, and a plan for a few rows takes minutes for a million. */
export async function analyzeStaged(on: Queryable): Promise<void> {
  await execute(on, 'feeds.analyze_rows', 'analyze feed_rows (feed_id, line, sku, location, code)');
}

/** A feed is numbered without gaps and read by number, so these alone tell how many rows a batch has. */
export async function analyzeChanges(on: Queryable): Promise<void> {
  await execute(on, 'feeds.analyze_changes', 'analyze feed_changes (feed_id, seq)');
}

/** Rejects that were known as such when they were read; returns how many are new. */
export function rejectUnreadable(tx: Transaction, feedId: number): Promise<number> {
  return execute(
    tx,
    'feeds.reject_unreadable',
    `insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason)
     select feed_id, line, sku, location, given, code, detail from feed_rows where feed_id = $1 and code is not null
     on conflict do nothing`,
    [feedId],
  );
}

/**
 * The keys of a feed's products and locations. One that nothing has exactly is looked for without regard to capitals, and
 * taken if just one fits.
 */
const LOOKED_UP = `
  staged as not materialized (
    select line, sku, location, quantity, reason, reference, as_of from feed_rows where feed_id = $1 and code is null
  ), skus as materialized (
    select g.sku, coalesce(p.id, i.id) as id
    from (select distinct sku from staged) g
    left join products p on p.sku = g.sku
    left join lateral (select min(q.id) as id from products q
                       where p.id is null and lower(q.sku) = lower(g.sku) having count(*) = 1) i on true
  ), locations as materialized (
    select g.location, coalesce(w.id, i.id) as id
    from (select distinct location from staged) g
    left join warehouses w on w.code = g.location
    left join lateral (select min(q.id) as id from warehouses q
                       where w.id is null and lower(q.code) = lower(g.location) having count(*) = 1) i on true
  )`;

/**
 * Numbers what can be applied by (product, warehouse), the order in which stock is locked; returns how many there are, and
 * of how many lines. Of several lines about one stock row a `set` keeps the newest by its time, else the last, a `delta` the sum.
 */
export async function resolveRows(
  tx: Transaction,
  feedId: number,
  mode: FeedMode,
): Promise<{ changes: number; lines: number }> {
  await execute(
    tx,
    'feeds.resolve',
    `with ${LOOKED_UP}
     insert into feed_changes (feed_id, seq, line, product_id, warehouse_id, lines, quantity, reason, reference, as_of)
     select $1, row_number() over (order by product_id, warehouse_id), line, product_id, warehouse_id,
            case when $2 = 'delta' then lines else 1 end, case when $2 = 'delta' then total else quantity end,
            reason, reference, as_of
     from (
       select r.*, s.id as product_id, l.id as warehouse_id, lead(r.line) over same_row as later,
              sum(r.quantity) over same_row as total, count(*) over same_row as lines
       from staged r join skus s on s.sku = r.sku join locations l on l.location = r.location
       where s.id is not null and l.id is not null
       window same_row as (partition by s.id, l.id
                           order by coalesce(r.as_of, (select f.as_of from feeds f where f.id = $1)), r.line)
     ) ordered
     where later is null`,
    [feedId, mode],
  );
  return one<{ changes: number; lines: number }>(
    tx,
    'feeds.count_changes',
    'select count(*) as changes, coalesce(sum(lines), 0) as lines from feed_changes where feed_id = $1',
    [feedId],
  );
}

/** Rejects the rows that `resolveRows` left out. `reasons`: by code. */
export function rejectUnresolved(
  tx: Transaction,
  feedId: number,
  mode: FeedMode,
  reasons: Readonly<Record<string, string>>,
): Promise<number> {
  return execute(
    tx,
    'feeds.reject_unresolved',
    `with ${LOOKED_UP}
     insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason)
     select $1, line, sku, location, quantity, code, $3::jsonb ->> code
     from (
       select r.line, r.sku, r.location, r.quantity,
              case when s.id is null then 'UNKNOWN_SKU' when l.id is null then 'UNKNOWN_LOCATION'
                   when $2 = 'set' then 'SUPERSEDED' end as code
       from staged r join skus s on s.sku = r.sku join locations l on l.location = r.location
       where not exists (select from feed_changes c where c.feed_id = $1 and c.line = r.line)
     ) left_out
     where code is not null`,
    [feedId, mode, JSON.stringify(reasons)],
  );
}

/** Forgets up to `limit` staged rows; returns how many there were. */
export function deleteStaged(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'feeds.delete_staged',
    `delete from feed_rows where ctid = any (array(select ctid from feed_rows where feed_id = $1 limit $2))`,
    [feedId, limit],
  );
}

export function deleteChanges(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'feeds.delete_changes',
    `delete from feed_changes where ctid = any (array(select ctid from feed_changes where feed_id = $1 order by seq limit $2))`,
    [feedId, limit],
  );
}

export interface RejectRow {
  line: number;
  sku: string | null;
  location: string | null;
  quantity: string | null;
  code: string;
  reason: string;
}

/** Rejects of a job after a line, in the order of lines. */
export function selectRejects(
  on: Queryable,
  jobId: string,
  after: number,
  limit: number,
): Promise<RejectRow[]> {
  return many<RejectRow>(
    on,
    'feeds.rejects',
    `select r.line, r.sku, r.location, r.quantity, r.code, r.reason
     from feed_rejects r where r.feed_id = (select id from feeds where job_id = $1) and r.line > $2
     order by r.line limit $3`,
    [jobId, after, limit],
  );
}

/** Rejects the one row of a batch, which fails by an error of its own. Returns how many lines of the feed that is. */
export async function rejectChange(
  tx: Transaction,
  batch: StagedBatch & { reason: string },
): Promise<number> {
  const row = await one<{ lines: number }>(
    tx,
    'feeds.reject_change',
    `with refused as (
       insert into feed_rejects (feed_id, line, sku, location, quantity, code, reason)
       select $1, c.line, p.sku, w.code, c.quantity, 'ROW_FAILED', $4
       from feed_changes c join products p on p.id = c.product_id join warehouses w on w.id = c.warehouse_id
       where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
     )
     select coalesce(sum(lines), 0) as lines from feed_changes where feed_id = $1 and seq > $2 and seq <= $3`,
    [batch.feedId, batch.after, batch.upTo, batch.reason],
  );
  return row.lines;
}
