import type { Database } from '../../../platform/database/database';
import { FIRST_ID, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteOldReservations } from './retention-queries';

/** Removes reservations without an order that ended so long ago, with their lines. Those of orders stay with them. */
export function removeOldReservations(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_ID, deleteOldReservations);
}
