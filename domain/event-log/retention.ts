import type { Database } from '../../platform/database/database';
import { removeAged, type RetentionRun } from '../../platform/database/retention';
import { deleteOldBatches } from './retention-queries';

/** Removes positions of events that were numbered so long ago: a reader that asks for them is told so. */
export function removeOldEvents(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, { at: '-infinity', row: '0' }, deleteOldBatches);
}
