import type { Database } from '../../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteOldChunks } from './retention-queries';

/** Removes what became of chunks of old batches: no client sends those again. */
export function removeOldBatches(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldChunks);
}
