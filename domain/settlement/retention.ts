import type { Database } from '../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../platform/database/retention';
import { dropFileOf } from '../files/stored-files';
import { clearFile, findOldJobsWithFile } from '../jobs/retention';
import { deleteSums } from './queries';

/**
 * Removes the files of settlements that ended so long ago, with their lines: the jobs stay, and have nothing to download any more. What
 * they settled stays settled.
 */
export function removeOldSettlementFiles(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    const [job] = await findOldJobsWithFile(tx, 'settlement', { ...part, limit: 1 });
    if (!job) return { removed: 0, next: null };
    await clearFile(tx, job.row);
    await dropFileOf(tx, job.row);
    await deleteSums(tx, job.row);
    return { removed: 1, next: job };
  });
}
