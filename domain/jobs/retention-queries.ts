import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import type { AgedPart, RowPosition } from '../../platform/database/retention';
import type { JobType } from './types';

/** Jobs of a type that ended so long ago, the oldest first. */
export function selectOldJobs(
  on: Queryable,
  type: JobType,
  { days, after, limit }: AgedPart,
): Promise<RowPosition[]> {
  return many<RowPosition>(
    on,
    'jobs.old',
    `select id as row, finished_at::text as at from jobs
     where type = $1 and finished_at < now() - make_interval(days => $2) and (finished_at, id) > ($3::timestamptz, $4::uuid)
     order by finished_at, id limit $5`,
    [type, days, after.at, after.row, limit],
  );
}

/** The same of those that still have a file to download. */
export function selectOldJobsWithFile(
  on: Queryable,
  type: JobType,
  { days, after, limit }: AgedPart,
): Promise<RowPosition[]> {
  return many<RowPosition>(
    on,
    'jobs.old_with_file',
    `select id as row, finished_at::text as at from jobs
     where file is not null and type = $1 and finished_at < now() - make_interval(days => $2)
       and (finished_at, id) > ($3::timestamptz, $4::uuid)
     order by finished_at, id limit $5`,
    [type, days, after.at, after.row, limit],
  );
}

/** Of an ended job: there is nothing to download any more. */
export function clearFile(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'jobs.clear_file',
    `update jobs set file = null, version = version + 1 where id = $1 and finished_at is not null`,
    [jobId],
  );
}

/** Ended jobs to which nothing refers any more. */
export function deleteJobs(tx: Transaction, jobIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'jobs.delete_old',
    'delete from jobs where id = any ($1::uuid[]) and finished_at is not null',
    [jobIds],
  );
}
