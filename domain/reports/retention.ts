import type { Database } from '../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../platform/database/retention';
import { dropFileOf } from '../files/stored-files';
import { clearFile, findOldJobsWithFile } from '../jobs/retention';
import { deleteFile } from './file-queries';

/** Removes files of reports that were made so long ago: the jobs stay, and have nothing to download any more. */
export function removeOldReportFiles(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_ID, async (tx, part) => {
    const [job] = await findOldJobsWithFile(tx, 'report', { ...part, limit: 1 });
    if (!job) return { removed: 0, next: null };
    await clearFile(tx, job.row);
    await dropFileOf(tx, job.row);
    await deleteFile(tx, job.row);
    return { removed: 1, next: job };
  });
}
