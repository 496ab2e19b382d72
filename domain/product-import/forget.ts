import type { Database } from '../../platform/database/database';
import { deleteRows, deleteTaken } from './queries';

const AT_ONCE = 100_000;

/** Forgets the rows of an upload that is done with; its rejects stay. */
export async function forgetTaken(db: Database, feedId: number): Promise<void> {
  while ((await deleteTaken(db, feedId, AT_ONCE)) > 0);
}

/** Forgets all rows of an upload that never becomes a job. */
export async function forgetUpload(db: Database, feedId: number): Promise<void> {
  while ((await deleteRows(db, feedId, AT_ONCE)) > 0);
}
