import type { StagedBatch } from '../ledger/types';
import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';

export const COPY_ROWS =
  'copy feed_rows (feed_id, line, sku, location, quantity, reason, reference, as_of, given, code, detail, lot, given_as_of, expires_on) from stdin';

/** Of rows that say nothing else. */
export const COPY_BARE_ROWS = 'copy feed_rows (feed_id, line, sku, location, quantity) from stdin';

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
    `insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason, as_of, reference, row_reason, expires_on)
     select feed_id, line, sku, location, lot, given, code, detail, given_as_of, reference, reason, expires_on
     from feed_rows where feed_id = $1 and code is not null
     on conflict do nothing`,
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
  expiresOn: string | null;
  quantity: string | null;
  code: string;
  reason: string;
  /** Of a `set` feed: the row's time, else the feed's. */
  asOf: string | null;
  reference: string | null;
  rowReason: string | null;
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
    `select r.line, r.sku, r.location, r.lot, r.quantity, r.code, r.reason, r.reference, r.row_reason as "rowReason", r.expires_on as "expiresOn",
            case when f.mode = 'set' then coalesce(r.as_of, ${utcMicros('f.as_of')}) end as "asOf"
     from feeds f join feed_rejects r on r.feed_id = f.id where f.job_id = $1 and r.line > $2
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
       insert into feed_rejects (feed_id, line, sku, location, lot, quantity, code, reason, as_of, reference, row_reason, expires_on)
       select $1, c.line, p.sku, w.code, c.lot, c.quantity, 'ROW_FAILED', $4, ${utcMicros('c.as_of')}, c.reference, c.reason,
              c.expires_on::text
       from feed_changes c join products p on p.id = c.product_id join warehouses w on w.id = c.warehouse_id
       where c.feed_id = $1 and c.seq > $2 and c.seq <= $3
     )
     select coalesce(sum(lines), 0) as lines from feed_changes where feed_id = $1 and seq > $2 and seq <= $3`,
    [batch.feedId, batch.after, batch.upTo, batch.reason],
  );
  return row.lines;
}
