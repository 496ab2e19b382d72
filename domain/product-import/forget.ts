import type { Database } from '../../platform/database/database';
import { forgetRows } from '../uploads/forget';
import { deleteRows, deleteTaken } from './queries';

/** Forgets the rows of an upload that is done with; its rejects stay. */
export function forgetTaken(db: Database, feedId: number): Promise<void> {
  return forgetRows(db, feedId, [deleteTaken]);
}

/** Forgets all rows of an upload that never becomes a job. */
export function forgetUpload(db: Database, feedId: number): Promise<void> {
  return forgetRows(db, feedId, [deleteRows]);
}
