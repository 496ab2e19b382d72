import type { Database, Transaction } from '../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../platform/database/retention';
import { clearFile, findOldJobs, findOldJobsWithFile, removeJobs } from '../jobs/retention';
import type { JobType } from '../jobs/types';
import { deleteUploadsOf, selectLeftBehind } from './queries';
import type { ForgetRows } from './receiving';

export interface KindOfUpload {
  /** Of the jobs that such uploads become. */
  type: JobType;
  /** Deletes up to `limit` rejects of one; returns how many there were. */
  deleteRejects(tx: Transaction, jobId: string, limit: number): Promise<number>;
  /** Forgets its staged rows. */
  forget: ForgetRows;
}

/** Uploads whose staged rows are forgotten in one run: there are few, of workers that were killed as they ended a job. */
const MOST_LEFT_BEHIND = 100;

/** Removes the rejects of uploads that ended so long ago: their jobs stay, and have nothing to download any more. */
export function removeOldRejects(
  db: Database,
  run: RetentionRun,
  { type, deleteRejects }: KindOfUpload,
): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    // One upload may have a million of them.
    const [job] = await findOldJobsWithFile(tx, type, { ...part, limit: 1 });
    if (!job) return { removed: 0, next: null };
    const removed = await deleteRejects(tx, job.row, part.limit);
    if (removed === part.limit) return { removed, next: part.after };
    await clearFile(tx, job.row);
    return { removed, next: job };
  });
}

/**
 * Removes uploads that ended so long ago, with their jobs, once their rejects are removed; what was left of their staged rows is
 * forgotten before. One that still has rows stays.
 */
export async function removeOldUploads(
  db: Database,
  run: RetentionRun,
  { type, forget }: KindOfUpload,
): Promise<number> {
  if (run.days > 0) {
    const left = await selectLeftBehind(db, { type, days: run.days, limit: MOST_LEFT_BEHIND });
    for (const feedId of left) await forget(db, feedId);
  }
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    const jobs = await findOldJobs(tx, type, part);
    const last = jobs.at(-1);
    if (!last) return { removed: 0, next: null };
    const deleted = await deleteUploadsOf(
      tx,
      jobs.map(({ row }) => row),
    );
    const removed = await removeJobs(tx, deleted);
    return { removed, next: jobs.length < part.limit ? null : last };
  });
}
