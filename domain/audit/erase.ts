import type { Transaction } from '../../platform/database/database';
import { deletePersonal } from './erase-queries';

/** Forgets somebody's personal values in entries of the log, and from where they asked. The entries and their seals stay. @param person `user:<id>` */
export function erasePersonal(tx: Transaction, person: string): Promise<void> {
  return deletePersonal(tx, person);
}
