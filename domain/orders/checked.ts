import type { Transaction } from '../../platform/database/database';
import { updateChecked, type CheckedOrder } from './checked-queries';

export type { CheckedOrder };

/** Notes that these orders, whose locks the caller has, were looked at now. */
export async function markChecked(tx: Transaction, orderIds: readonly string[]): Promise<CheckedOrder[]> {
  return orderIds.length === 0 ? [] : updateChecked(tx, orderIds);
}
