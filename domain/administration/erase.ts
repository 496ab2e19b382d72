import type { Transaction } from '../../platform/database/database';
import { deleteTags, eraseNotes } from './erase-queries';

/** Takes out what staff noted about these orders, which may name people. That somebody noted something stays, and by its id the stored response. */
export async function eraseStaffNotesOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await eraseNotes(tx, orderIds);
  await deleteTags(tx, orderIds);
}
