import type { Queryable, Transaction } from '../../platform/database/database';
import { updateChecked, updateMoneyClosed, updateUnchecked } from './queries';

/** Records that these orders, whose locks the caller has, were looked at now. */
export async function markChecked(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await updateChecked(tx, orderIds);
}

/** Lets the reconciler look at these orders in its next run, as if it never had. */
export async function lookAgain(on: Queryable, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await updateUnchecked(on, orderIds);
}

/** Records that no payment of these ended orders, whose locks the caller has, is authorised, or may become so. */
export async function markMoneyClosed(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await updateMoneyClosed(tx, orderIds);
}
