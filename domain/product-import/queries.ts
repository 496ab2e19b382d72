import { execute, many, one, type Queryable, type Transaction } from '../../platform/database/database';
import type { GivenFields, ReadRow } from './types';

export const COPY_ROWS =
  'copy product_import_rows (feed_id, line, sku, given, fields, code, reason) from stdin';

/** Rows that were just loaded have no statistics. */
export async function analyzeRows(on: Queryable): Promise<void> {
  await execute(on, 'product_import.analyze', 'analyze product_import_rows (feed_id, line, sku, code)');
}

/**
 * Of rows about one product that say the same, the first stands for all. Those that say different things, or of which one is
 * rejected, are all rejected.
 */
export async function settleRepeats(tx: Transaction, feedId: number, reason: string): Promise<void> {
  await execute(
    tx,
    'product_import.settle_repeats',
    `with meant as (
       select r.line, r.code, md5(r.fields::text) as said, coalesce(p.id, i.id) as product_id,
              case when coalesce(p.id, i.id) is null then lower(r.sku) end as new_sku
       from product_import_rows r
       left join products p on p.sku = r.sku
       left join lateral (select min(q.id) as id from products q
                          where p.id is null and lower(q.sku) = lower(r.sku) having count(*) = 1) i on true
       where r.feed_id = $1 and r.sku is not null
     ), repeated as (
       select line, code, count(*) over same as lines, row_number() over (same order by line) as nth,
              min(said) over same <> max(said) over same or bool_or(code is not null) over same as differs
       from meant window same as (partition by product_id, new_sku)
     ), rejected as (
       update product_import_rows r set code = 'DUPLICATE_SKU', reason = $2 from repeated g
       where r.feed_id = $1 and r.line = g.line and g.lines > 1 and g.differs and r.code is null
     ), kept as (
       update product_import_rows r set lines = g.lines from repeated g
       where r.feed_id = $1 and r.line = g.line and g.lines > 1 and not g.differs and g.nth = 1
     )
     delete from product_import_rows r using repeated g
     where r.feed_id = $1 and r.line = g.line and g.lines > 1 and not g.differs and g.nth > 1`,
    [feedId, reason],
  );
}

/** Rejects of an upload, and its last line. */
export function countRows(tx: Transaction, feedId: number): Promise<{ rejected: number; lastLine: number }> {
  return one(
    tx,
    'product_import.count',
    `select count(*) filter (where code is not null) as rejected, coalesce(max(line), 0) as "lastLine"
     from product_import_rows where feed_id = $1`,
    [feedId],
  );
}

export interface StagedRow {
  line: number;
  /** How many lines of the upload say the same. */
  lines: number;
  sku: string;
  fields: GivenFields;
}

/** Rows after a line that are not rejected. */
export function selectRows(
  tx: Transaction,
  feedId: number,
  after: number,
  limit: number,
): Promise<StagedRow[]> {
  return many<StagedRow>(
    tx,
    'product_import.rows',
    `select line, lines, sku, fields from product_import_rows
     where feed_id = $1 and line > $2 and code is null order by line limit $3`,
    [feedId, after, limit],
  );
}

export interface Refusal {
  line: number;
  code: string;
  reason: string;
}

export function rejectRows(tx: Transaction, feedId: number, refusals: readonly Refusal[]): Promise<number> {
  return execute(
    tx,
    'product_import.reject',
    `update product_import_rows r set code = g.code, reason = g.reason
     from unnest($2::bigint[], $3::text[], $4::text[]) g (line, code, reason)
     where r.feed_id = $1 and r.line = g.line and r.code is null`,
    [
      feedId,
      refusals.map(({ line }) => line),
      refusals.map(({ code }) => code),
      refusals.map(({ reason }) => reason),
    ],
  );
}

/** Forgets up to `limit` rows that are not rejected; returns how many there were. */
export function deleteTaken(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'product_import.delete_taken',
    `delete from product_import_rows where feed_id = $1
       and line = any (array(select line from product_import_rows where feed_id = $1 and code is null limit $2))`,
    [feedId, limit],
  );
}

/** Forgets up to `limit` rows, rejects among them; returns how many there were. */
export function deleteRows(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'product_import.delete',
    `delete from product_import_rows where feed_id = $1
       and line = any (array(select line from product_import_rows where feed_id = $1 limit $2))`,
    [feedId, limit],
  );
}

export interface RejectRow extends ReadRow {
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
    'product_import.rejects',
    `select line, sku, given, code, reason from product_import_rows
     where feed_id = (select id from feeds where job_id = $1) and line > $2 and code is not null
     order by line limit $3`,
    [jobId, after, limit],
  );
}

/** Removes up to `limit` rejects of a job's upload; returns how many there were. */
export function deleteRejects(tx: Transaction, jobId: string, limit: number): Promise<number> {
  return execute(
    tx,
    'product_import.delete_rejects',
    `delete from product_import_rows where feed_id = (select id from feeds where job_id = $1)
       and line = any (array(select line from product_import_rows where feed_id = (select id from feeds where job_id = $1)
                             and code is not null order by line limit $2))`,
    [jobId, limit],
  );
}
