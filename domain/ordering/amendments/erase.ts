import type { Transaction } from '../../../platform/database/database';
import { eraseAddresses } from './erase-queries';

/** Takes out of the amendments of these orders where the goods were to go, and had gone. None of them may be open. */
export function eraseAmendmentsOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseAddresses(tx, orderIds);
}
