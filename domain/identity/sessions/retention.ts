import type { Database } from '../../../platform/database/database';
import { FIRST_ID, FIRST_PLACE, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteSessions, deleteTokens } from './retention-queries';

/** Removes refresh tokens, and then sessions, that expired so long ago. A token that is used again after that ends nothing. */
export async function removeOldSessions(db: Database, run: RetentionRun): Promise<number> {
  const tokens = await removeAged(db, run, FIRST_PLACE, deleteTokens);
  return tokens + (await removeAged(db, run, FIRST_ID, deleteSessions));
}
