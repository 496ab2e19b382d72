import type { Database } from '../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../platform/database/retention';
import { clearAddresses, deleteOrigins } from './retention-queries';

/** Forgets from where people asked, of entries that are so old. The entries and their seals stay: no address is in a hash. */
export async function clearOldAddresses(db: Database, run: RetentionRun): Promise<number> {
  const cleared = await removeAged(db, run, { at: '-infinity', row: '0' }, clearAddresses);
  return cleared + (await removeAged(db, run, FIRST_PLACE, deleteOrigins));
}
