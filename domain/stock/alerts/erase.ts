import type { Transaction } from '../../../platform/database/database';
import { eraseNotes } from './erase-queries';

/** Takes out of alerts about these orders what people noted. */
export function eraseNotesOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseNotes(tx, orderIds);
}
