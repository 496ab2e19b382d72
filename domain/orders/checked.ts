import type { Transaction } from '../../platform/database/database';
import { updateChecked } from './queries';

/** Records that these orders, whose locks the caller has, were looked at now. */
export async function markChecked(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await updateChecked(tx, orderIds);
}
