import type { Database } from '../../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteAttempts } from './retention-queries';

/** Removes attempts that count for nothing any more. */
export function removeOldAttempts(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteAttempts);
}
