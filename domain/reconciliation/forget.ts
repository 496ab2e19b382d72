import type { Database } from '../../platform/database/database';
import { deleteEntries, deleteMatched, deleteRows } from './staged-queries';

const AT_ONCE = 100_000;

/** Forgets what was compared; payouts of a gateway stay, with which a bank's statement is compared. */
export async function forgetMatched(db: Database, feedId: number): Promise<void> {
  while ((await deleteMatched(db, feedId, AT_ONCE)) > 0);
  while ((await deleteEntries(db, feedId, AT_ONCE)) > 0);
}

/** Forgets all that a file says: it never becomes a job, or its job was given up. */
export async function forgetReport(db: Database, feedId: number): Promise<void> {
  while ((await deleteRows(db, feedId, AT_ONCE)) > 0);
  while ((await deleteEntries(db, feedId, AT_ONCE)) > 0);
}
