import type { Transaction } from '../../../platform/database/database';
import { eraseNotes } from './erase-queries';

/** Takes out of alerts about these orders what people noted, and what a gateway or carrier said. None of them may be open. */
export function eraseNotesOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseNotes(tx, orderIds);
}
