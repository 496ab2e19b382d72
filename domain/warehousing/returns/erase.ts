import type { Transaction } from '../../../platform/database/database';
import { eraseReasons } from './erase-queries';

/** Takes out of what came back of these orders why it did. */
export function eraseReturnsOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseReasons(tx, orderIds);
}
