import type { Database } from '../../platform/database/database';
import { removeAged, type RetentionRun } from '../../platform/database/retention';
import { clearAddresses } from './retention-queries';

/** Forgets from where people asked, of entries that are so old. The entries and their seals stay: no address is in a hash. */
export function clearOldAddresses(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, { at: '-infinity', row: '0' }, clearAddresses);
}
