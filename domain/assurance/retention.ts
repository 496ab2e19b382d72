import type { Database } from '../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../platform/database/retention';
import { findOldJobs, removeJobs } from '../jobs/retention';
import { deleteChecks, selectNeededJobs } from './retention-queries';

/** Each has some thirty checks, and may have thousands of findings. */
const PART_JOBS = 20;

/** Removes checks that ended so long ago, with their findings and jobs, but for the latest run of each check and open findings. */
export function removeOldChecks(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    const jobs = await findOldJobs(tx, 'consistency', { ...part, limit: PART_JOBS });
    const last = jobs.at(-1);
    if (!last) return { removed: 0, next: null };
    const ids = jobs.map(({ row }) => row);
    const needed = await selectNeededJobs(tx, ids);
    const over = ids.filter((id) => !needed.has(id));
    await deleteChecks(tx, over);
    const removed = await removeJobs(tx, over);
    return { removed, next: jobs.length < PART_JOBS ? null : last };
  });
}
