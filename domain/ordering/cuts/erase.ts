import type { Transaction } from '../../../platform/database/database';
import { eraseReasons } from './erase-queries';

/** Takes out of the cuts of these orders why they were asked for. */
export function eraseCutsOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseReasons(tx, orderIds);
}
