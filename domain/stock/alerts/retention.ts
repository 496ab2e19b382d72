import type { Database } from '../../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteOldAlerts } from './retention-queries';

/** Removes alerts that were resolved so long ago. One that is open or acknowledged stays. */
export function removeOldAlerts(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldAlerts);
}
