import type { Database } from '../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../platform/database/retention';
import { deleteOldGatewayEvents } from './retention-queries';

/** Removes events of gateways that were applied so long ago, but for those of payments with something that is not final. */
export function removeOldGatewayEvents(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldGatewayEvents);
}
