import type { StagedBatch } from '../ledger/types';
import {
  execute,
  maybeOne,
  many,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import type { FeedCounts, FeedMode, FeedState, Lane } from './types';

/** Claims the upload of the feed of a job that does not exist yet. Undefined: another upload has claimed it. */
export async function insertUpload(
  on: Queryable,
  jobId: string,
  mode: FeedMode,
  asOf: string,
): Promise<number | undefined> {
  const row = await maybeOne<{ id: number }>(
    on,
    'feeds.insert_upload',
    `insert into feeds (mode, as_of, uploading_for, touched_at) values ($1, $3, $2, clock_timestamp())
     on conflict (uploading_for) where uploading_for is not null do nothing returning id`,
    [mode, jobId, asOf],
  );
  return row?.id;
}

/** Says that an upload goes on. Returns false when it was given up. */
export async function touchUpload(on: Queryable, feedId: number): Promise<boolean> {
  const touched = await execute(
    on,
    'feeds.touch_upload',
    'update feeds set touched_at = clock_timestamp() where id = $1 and uploading_for is not null',
    [feedId],
  );
  return touched === 1;
}

/**
 * Gives an upload up: nothing can be added to it any more, and its job can be uploaded anew. Returns false when it has become a
 * job.
 */
export async function abandonUpload(on: Queryable, feedId: number): Promise<boolean> {
  const abandoned = await execute(
    on,
    'feeds.abandon_upload',
    'update feeds set uploading_for = null where id = $1 and job_id is null',
    [feedId],
  );
  return abandoned === 1;
}

/** The same for the upload for a job when nothing has been heard of it for `seconds`. */
export async function abandonStaleUpload(on: Queryable, jobId: string, seconds: number): Promise<void> {
  await execute(
    on,
    'feeds.abandon_stale_upload',
    `update feeds set uploading_for = null
     where uploading_for = $1 and touched_at < clock_timestamp() - make_interval(secs => $2)`,
    [jobId, seconds],
  );
}

/** Uploads that were given up, or of which nothing has been heard for `seconds`. */
export async function selectOrphanedUploads(on: Queryable, seconds: number): Promise<number[]> {
  const rows = await many<{ id: number }>(
    on,
    'feeds.orphaned_uploads',
    `select id from feeds
     where job_id is null
       and (uploading_for is null or touched_at < clock_timestamp() - make_interval(secs => $1))
     order by id`,
    [seconds],
  );
  return rows.map(({ id }) => id);
}

/** Removes an upload that was given up and whose rows are gone. */
export async function deleteUpload(on: Queryable, feedId: number): Promise<void> {
  await execute(
    on,
    'feeds.delete_upload',
    'delete from feeds where id = $1 and job_id is null and uploading_for is null',
    [feedId],
  );
}

export const COPY_ROWS =
  'copy feed_rows (feed_id, line, sku, location, quantity, reason, reference, as_of, given, code, detail, lot) from stdin';

/** Of rows that say nothing else. */
export const COPY_BARE_ROWS = 'copy feed_rows (feed_id, line, sku, location, quantity) from stdin';

/** Gives an upload to its job, with what was read. Returns false when it was given up. Repeated, it changes nothing. */
export async function setUploaded(
  tx: Transaction,
  feedId: number,
  jobId: string,
  read: { lines: number; lotLines: number; digest: string; unreadFrom: number | null },
): Promise<boolean> {
  const changed = await execute(
    tx,
    'feeds.set_uploaded',
    `update feeds set job_id = $2, uploading_for = null, lines = $3, digest = $4, unread_from = $5,
       lot_lines = $6
     where id = $1 and (uploading_for = $2 or job_id = $2)`,
    [feedId, jobId, read.lines, read.digest, read.unreadFrom, read.lotLines],
  );
  return changed === 1;
}

export async function selectDigest(on: Queryable, jobId: string): Promise<string | undefined> {
  const row = await maybeOne<{ digest: string }>(
    on,
    'feeds.digest',
    'select digest from feeds where job_id = $1',
    [jobId],
  );
  return row?.digest;
}

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

/** Where a feed stands, over all of its lanes. */
export function selectFeed(on: Queryable, jobId: string): Promise<FeedState | undefined> {
  return maybeOne<FeedState>(
    on,
    'feeds.by_job',
    `select f.id, f.mode, f.lines, f.lot_lines as "lotLines", f.stage, f.unread_from as "unreadFrom",
            coalesce(sum(l.applied), 0)::bigint as applied, coalesce(sum(l.unchanged), 0)::bigint as unchanged,
            (f.rejected + coalesce(sum(l.rejected), 0))::bigint as rejected,
            coalesce(array_agg(l.lane order by l.lane) filter (where l.position < l.last_seq), '{}') as "openLanes"
     from feeds f left join feed_lanes l on l.feed_id = f.id where f.job_id = $1 group by f.id`,
    [jobId],
  );
}

/** Of two that look keys up for one feed, the second waits and then sees that it is done. */
export function selectFeedForUpdate(
  tx: Transaction,
  jobId: string,
): Promise<
  { id: number; mode: FeedMode; lines: number; lotLines: number; rejected: number; stage: string } | undefined
> {
  return maybeOne(
    tx,
    'feeds.lock',
    'select id, mode, lines, lot_lines as "lotLines", rejected, stage from feeds where job_id = $1 for no key update',
    [jobId],
  );
}

/** For statements over a whole feed: no time limit, and room to sort in. */
export async function liftStatementLimits(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'feeds.lift_statement_limits',
    `select set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true)`,
  );
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
    `insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason)
     select feed_id, line, sku, location, lot, given, code, detail from feed_rows where feed_id = $1 and code is not null
     on conflict do nothing`,
    [feedId],
  );
}

/** Counts rejects of a feed whose keys were not looked up. */
export async function addRejected(tx: Transaction, feedId: number, rejected: number): Promise<void> {
  await execute(
    tx,
    'feeds.add_rejected',
    `update feeds set rejected = rejected + $2 where id = $1 and stage = 'staged'`,
    [feedId, rejected],
  );
}

/** The lock under which a lane moves on. */
export function selectLaneForUpdate(
  tx: Transaction,
  jobId: string,
  lane: number,
): Promise<(Lane & { mode: FeedMode; actor: string; asOf: string }) | undefined> {
  return maybeOne(
    tx,
    'feeds.lock_lane',
    `select l.feed_id as "feedId", l.lane, l.by_lot as "byLot", l.position, l.last_seq as "lastSeq", f.mode, j.actor,
            ${utcMicros('f.as_of')} as "asOf"
     from feed_lanes l join feeds f on f.id = l.feed_id join jobs j on j.id = f.job_id
     where f.job_id = $1 and l.lane = $2 for no key update of l`,
    [jobId, lane],
  );
}

/** Moves a lane on by one batch, with what became of it. */
export async function advance(tx: Transaction, lane: Lane, upTo: number, counts: FeedCounts): Promise<void> {
  await execute(
    tx,
    'feeds.advance',
    `update feed_lanes set position = $3, applied = applied + $4, unchanged = unchanged + $5, rejected = rejected + $6
     where feed_id = $1 and lane = $2`,
    [lane.feedId, lane.lane, upTo, counts.applied, counts.unchanged, counts.rejected],
  );
}

/** Waits for the batches that are under way, and leaves nothing to those that come after them. */
export function closeLanes(tx: Transaction, feedId: number): Promise<number> {
  return execute(
    tx,
    'feeds.close_lanes',
    'update feed_lanes set last_seq = position where feed_id = $1 and position < last_seq',
    [feedId],
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
  lot: string | null;
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
    `select r.line, r.sku, r.location, r.lot, r.quantity, r.code, r.reason
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
       insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason)
       select $1, c.line, p.sku, w.code, c.lot, c.quantity, 'ROW_FAILED', $4
       from feed_changes c join products p on p.id = c.product_id join warehouses w on w.id = c.warehouse_id
       where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
     )
     select coalesce(sum(lines), 0) as lines from feed_changes where feed_id = $1 and seq > $2 and seq <= $3`,
    [batch.feedId, batch.after, batch.upTo, batch.reason],
  );
  return row.lines;
}
