import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { utcMicros } from '../../platform/database/pages';
import type { JobType } from '../jobs/types';
import type { UploadCounts, UploadState, Lane, UploadMode } from './types';

/** An upload that has begun. */
export interface BegunUpload {
  id: number;
  /** As of when its rows are true that do not say so themselves, RFC 3339, UTC, with microseconds. */
  asOf: string;
}

/**
 * Claims the upload for a job that does not exist yet. Undefined: another upload has claimed it. Where no time is given it is now, and the
 * oldest transaction that was running then is kept: the statement's snapshot is older than its clock.
 */
export function insertUpload(
  on: Queryable,
  jobId: string,
  mode: UploadMode,
  asOf: string | undefined,
): Promise<BegunUpload | undefined> {
  return maybeOne<BegunUpload>(
    on,
    'feeds.insert_upload',
    `insert into feeds (mode, as_of, running_xid, uploading_for, touched_at)
     values ($1, coalesce($3::timestamptz, clock_timestamp()),
             case when $3 is null then pg_snapshot_xmin(pg_current_snapshot())::text::bigint end, $2, clock_timestamp())
     on conflict (uploading_for) where uploading_for is not null do nothing
     returning id, ${utcMicros('as_of')} as "asOf"`,
    [mode, jobId, asOf ?? null],
  );
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
export function selectOrphanedUploads(
  on: Queryable,
  seconds: number,
): Promise<{ id: number; mode: UploadMode }[]> {
  return many(
    on,
    'feeds.orphaned_uploads',
    `select id, mode from feeds
     where job_id is null
       and (uploading_for is null or touched_at < clock_timestamp() - make_interval(secs => $1))
     order by id`,
    [seconds],
  );
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

/** Where an upload stands, over all of its lanes. */
export function selectUpload(on: Queryable, jobId: string): Promise<UploadState | undefined> {
  return maybeOne<UploadState>(
    on,
    'feeds.by_job',
    `select f.id, f.mode, f.lines, f.lot_lines as "lotLines", f.stage, f.unread_from as "unreadFrom",
            coalesce(sum(l.applied), 0)::bigint as applied, coalesce(sum(l.added), 0)::bigint as added,
            coalesce(sum(l.unchanged), 0)::bigint as unchanged,
            (f.rejected + coalesce(sum(l.rejected), 0))::bigint as rejected,
            coalesce(array_agg(l.lane order by l.lane) filter (where l.position < l.last_seq), '{}') as "openLanes"
     from feeds f left join feed_lanes l on l.feed_id = f.id where f.job_id = $1 group by f.id`,
    [jobId],
  );
}

/** An upload whose row is locked. */
export interface LockedUpload {
  id: number;
  mode: UploadMode;
  lines: number;
  lotLines: number;
  /** Rows that were refused before anything was applied. */
  rejected: number;
  stage: string;
}

const LOCKED = 'id, mode, lines, lot_lines as "lotLines", rejected, stage';

/** Of two that look keys up for one upload, the second waits and then sees that it is done. */
export function selectUploadForUpdate(tx: Transaction, jobId: string): Promise<LockedUpload | undefined> {
  return maybeOne(tx, 'feeds.lock', `select ${LOCKED} from feeds where job_id = $1 for no key update`, [
    jobId,
  ]);
}

/** For who looks up a part of an upload: others do so at the same time, and none of them ends the look-up meanwhile. */
export function selectUploadForShare(tx: Transaction, jobId: string): Promise<LockedUpload | undefined> {
  return maybeOne(tx, 'feeds.share', `select ${LOCKED} from feeds where job_id = $1 for share`, [jobId]);
}

/**
 * Splits an upload into parts that are looked up beside each other, at most once: what an attempt before has split stays so.
 *
 * @returns how many parts it has; undefined where it is looked up already
 */
export async function splitUpload(
  tx: Transaction,
  jobId: string,
  parts: number,
): Promise<number | undefined> {
  const split = await maybeOne<{ parts: number }>(
    tx,
    'feeds.split',
    `update feeds set parts = coalesce(parts, $2) where job_id = $1 and stage = 'staged' returning parts`,
    [jobId, parts],
  );
  return split?.parts;
}

/**
 * For statements over a whole upload: no time limit, room to sort in, and plans for this one, which are not compiled: each runs once.
 */
export async function liftStatementLimits(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'feeds.lift_statement_limits',
    `select set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true),
            set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)`,
  );
}

/** Counts rejects of an upload whose keys were not looked up. */
export async function addRejected(tx: Transaction, feedId: number, rejected: number): Promise<void> {
  await execute(
    tx,
    'feeds.add_rejected',
    `update feeds set rejected = rejected + $2 where id = $1 and stage = 'staged'`,
    [feedId, rejected],
  );
}

/** Ends the look-up of an upload, whose lanes are there. */
export async function setResolved(tx: Transaction, feedId: number, rejected: number): Promise<void> {
  await execute(
    tx,
    'feeds.set_resolved',
    `update feeds set stage = 'resolved', rejected = $2 where id = $1 and stage = 'staged'`,
    [feedId, rejected],
  );
}

/**
 * Makes a lane of rows that are numbered after `after`, without any yet (`setLaneEnd`). Waits for who makes the same lane just now; returns
 * false where it is there already.
 */
export async function insertLane(
  tx: Transaction,
  { feedId, lane, after, byLot = false }: { feedId: number; lane: number; after: number; byLot?: boolean },
): Promise<boolean> {
  const made = await execute(
    tx,
    'feeds.insert_lane',
    `insert into feed_lanes (feed_id, lane, position, last_seq, by_lot) values ($1, $2, $3, $3, $4) on conflict do nothing`,
    [feedId, lane, after, byLot],
  );
  return made === 1;
}

/** The rows of a lane are numbered up to this. */
export async function setLaneEnd(
  tx: Transaction,
  feedId: number,
  lane: number,
  lastSeq: number,
): Promise<void> {
  await execute(
    tx,
    'feeds.set_lane_end',
    'update feed_lanes set last_seq = $3 where feed_id = $1 and lane = $2',
    [feedId, lane, lastSeq],
  );
}

/** Rows in the lanes of an upload that are to be applied. */
export async function countLaneRows(tx: Transaction, feedId: number): Promise<number> {
  const { rows } = await one<{ rows: number }>(
    tx,
    'feeds.count_lane_rows',
    'select coalesce(sum(last_seq - position), 0)::bigint as rows from feed_lanes where feed_id = $1',
    [feedId],
  );
  return rows;
}

/** The lock under which a lane moves on. */
export function selectLaneForUpdate(
  tx: Transaction,
  jobId: string,
  lane: number,
): Promise<(Lane & { mode: UploadMode; actor: string; asOf: string }) | undefined> {
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
export async function advance(
  tx: Transaction,
  lane: Lane,
  upTo: number,
  counts: UploadCounts & { added?: number },
): Promise<void> {
  await execute(
    tx,
    'feeds.advance',
    `update feed_lanes set position = $3, applied = applied + $4, unchanged = unchanged + $5, rejected = rejected + $6,
            added = added + $7
     where feed_id = $1 and lane = $2`,
    [lane.feedId, lane.lane, upTo, counts.applied, counts.unchanged, counts.rejected, counts.added ?? 0],
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

const STAGED = `(exists (select from feed_rows r where r.feed_id = f.id) or exists (select from feed_changes r where r.feed_id = f.id)
       or exists (select from product_import_rows r where r.feed_id = f.id and r.code is null))`;
const REJECTED = `(exists (select from feed_rejects r where r.feed_id = f.id)
       or exists (select from product_import_rows r where r.feed_id = f.id and r.code is not null))`;

/** Removes uploads of these jobs, but those that still have rows or rejects; returns the jobs of those that were removed. */
export async function deleteUploadsOf(tx: Transaction, jobIds: readonly string[]): Promise<string[]> {
  const rows = await many<{ id: number; jobId: string }>(
    tx,
    'feeds.lock_empty',
    `select f.id, f.job_id as "jobId" from feeds f
     where f.job_id = any ($1::uuid[]) and not ${STAGED} and not ${REJECTED} order by f.id for update`,
    [jobIds],
  );
  const ids = rows.map(({ id }) => id);
  await execute(tx, 'feeds.delete_lanes', 'delete from feed_lanes where feed_id = any ($1::bigint[])', [ids]);
  await execute(tx, 'feeds.delete', 'delete from feeds where id = any ($1::bigint[])', [ids]);
  return rows.map(({ jobId }) => jobId);
}

/** Uploads whose jobs ended so long ago, and whose staged rows nobody has forgotten. */
export async function selectLeftBehind(
  on: Queryable,
  { type, days, limit }: { type: JobType; days: number; limit: number },
): Promise<number[]> {
  const rows = await many<{ id: number }>(
    on,
    'feeds.left_behind',
    `select f.id from jobs j join feeds f on f.job_id = j.id
     where j.type = $1 and j.finished_at < now() - make_interval(days => $2)
       and ${STAGED}
     order by j.finished_at limit $3`,
    [type, days, limit],
  );
  return rows.map(({ id }) => id);
}
