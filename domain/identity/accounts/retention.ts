import type { Database } from '../../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../../platform/database/retention';
import { deleteMails } from './retention-queries';

/** Removes what is known of mails that were sent, with the hashes of their tokens, which have expired. */
export function removeOldAccountMails(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteMails);
}
