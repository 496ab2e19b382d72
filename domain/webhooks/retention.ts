import type { Database } from '../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../platform/database/retention';
import { deleteOldDeliveries } from './retention-queries';

/** Removes deliveries that ended and were planned so long ago, and what was sent. */
export function removeOldDeliveries(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldDeliveries);
}
