import type { Database } from '../../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteOldAffected, deleteOldAlerts } from './retention-queries';

/** Removes alerts that were resolved so long ago, after those whom they concern. One that is open or acknowledged stays. */
export async function removeOldAlerts(db: Database, run: RetentionRun): Promise<number> {
  const affected = await removeAged(db, run, FIRST_PLACE, deleteOldAffected);
  return affected + (await removeAged(db, run, FIRST_PLACE, deleteOldAlerts));
}
