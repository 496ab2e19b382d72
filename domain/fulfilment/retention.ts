import type { Database } from '../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../platform/database/retention';
import { deleteOldCarrierEvents } from './retention-queries';

/** Removes updates of carriers that were taken so long ago, but for those of shipments that are under way. */
export function removeOldCarrierEvents(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldCarrierEvents);
}
