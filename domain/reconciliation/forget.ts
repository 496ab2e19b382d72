import type { Database } from '../../platform/database/database';
import { forgetRows } from '../uploads/forget';
import { deleteEntries, deleteMatched, deleteRows } from './staged-queries';

/** Forgets what was compared; payouts of a gateway stay, with which a bank's statement is compared. */
export function forgetMatched(db: Database, feedId: number): Promise<void> {
  return forgetRows(db, feedId, [deleteMatched, deleteEntries]);
}

/** Forgets all that a file says: it never becomes a job, or its job was given up. */
export function forgetStatement(db: Database, feedId: number): Promise<void> {
  return forgetRows(db, feedId, [deleteRows, deleteEntries]);
}
