import type { Database } from '../../platform/database/database';
import { readJobInput } from '../jobs/jobs';
import { finishUpload, type UploadEnding } from '../uploads/finish';
import { forgetTaken } from './forget';
import { countRows } from './queries';

/**
 * Ends the job of an upload of products, as `finishUpload` says. The result counts products that were `added` and
 * `changed`, and has in `ignored` the columns that mean nothing.
 */
export function finishProducts(
  db: Database,
  jobId: string,
  ending: UploadEnding,
): Promise<Readonly<Record<string, unknown>>> {
  return finishUpload(db, jobId, ending, {
    rejectUnreadable: async (tx, { id, rejected }) => (await countRows(tx, id)).rejected - rejected,
    notesOn: async (tx, jobId) => ({ ignored: (await readJobInput(tx, jobId))?.['ignored'] ?? [] }),
    forget: forgetTaken,
  });
}
