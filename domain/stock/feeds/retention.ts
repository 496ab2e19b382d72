import type { Database } from '../../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { clearFile, findOldJobs, findOldJobsWithFile, removeJobs } from '../../jobs/retention';
import { deleteFeeds } from '../../uploads/lanes';
import { deleteRejects } from './retention-queries';

/** Removes the rejects of feeds that ended so long ago: their jobs stay, and have nothing to download any more. */
export function removeOldRejects(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    // One feed may have a million of them.
    const [job] = await findOldJobsWithFile(tx, 'feed', { ...part, limit: 1 });
    if (!job) return { removed: 0, next: null };
    const removed = await deleteRejects(tx, job.row, part.limit);
    if (removed === part.limit) return { removed, next: part.after };
    await clearFile(tx, job.row);
    return { removed, next: job };
  });
}

/**
 * Removes feeds that ended so long ago, with their jobs, once their rejects are removed. The ledger keeps that they were applied: one that is
 * sent again under its key after this fails.
 */
export function removeOldFeeds(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    const jobs = await findOldJobs(tx, 'feed', part);
    const last = jobs.at(-1);
    if (!last) return { removed: 0, next: null };
    const ids = jobs.map(({ row }) => row);
    await deleteFeeds(tx, ids);
    const removed = await removeJobs(tx, ids);
    return { removed, next: jobs.length < part.limit ? null : last };
  });
}
