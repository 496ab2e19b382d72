import type { Queryable, Transaction } from '../../platform/database/database';
import { updateChecked, updateUnchecked } from './queries';

/** Records that these orders, whose locks the caller has, were looked at now. */
export async function markChecked(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await updateChecked(tx, orderIds);
}

/** Lets the reconciler look at these orders in its next run, as if it never had. */
export async function lookAgain(on: Queryable, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await updateUnchecked(on, orderIds);
}
