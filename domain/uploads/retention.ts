import type { Database, Transaction } from '../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../platform/database/retention';
import { clearFile, findOldJobs, findOldJobsWithFile, removeJobs } from '../jobs/retention';
import type { JobType } from '../jobs/types';
import { deleteUploadsOf } from './queries';

/** Uploads that become jobs of a type, and how up to `limit` rejects of one are deleted; it returns how many there were. */
export interface KindOfUpload {
  type: JobType;
  deleteRejects(tx: Transaction, jobId: string, limit: number): Promise<number>;
}

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

/** Removes uploads that ended so long ago, with their jobs, once their rejects are removed. */
export function removeOldUploads(
  db: Database,
  run: RetentionRun,
  { type }: Pick<KindOfUpload, 'type'>,
): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    const jobs = await findOldJobs(tx, type, part);
    const last = jobs.at(-1);
    if (!last) return { removed: 0, next: null };
    const ids = jobs.map(({ row }) => row);
    await deleteUploadsOf(tx, ids);
    const removed = await removeJobs(tx, ids);
    return { removed, next: jobs.length < part.limit ? null : last };
  });
}
