import type { Database } from '../../platform/database/database';
import { FIRST_PLACE, removeAged, type RetentionRun } from '../../platform/database/retention';
import { deleteOldContacts, deleteOldMails, deleteOldNotifications } from './retention-queries';

/** Removes what people were told so long ago, read or not. */
export function removeOldNotifications(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldNotifications);
}

/** Removes what is known of mails that were planned so long ago and have ended. */
export function removeOldMailRecords(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldMails);
}

/** Removes where people without an account were written to about orders that were placed so long ago, and have ended. */
export function removeOldContacts(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteOldContacts);
}
