import type { Transaction } from '../../platform/database/database';
import {
  removeCancelled,
  updateAmended,
  upsertItems,
  type AddedUnits,
  type OrderAmendment,
} from './amend-queries';
import { lockOrders } from './lock';

export {
  selectAmendable as readAmendable,
  selectAmendableItems as readAmendableItems,
  type AddedUnits,
  type AmendableItem,
  type AmendableRow,
  type SourcingChange,
} from './amend-queries';

/**
 * Writes what an order consists of from now on: units that are reserved for it more, its total and its address. Locks the order's
 * row.
 */
export async function amendOrder(
  tx: Transaction,
  orderId: string,
  { added, ...change }: OrderAmendment & { added: readonly AddedUnits[] },
): Promise<void> {
  await lockOrders(tx, [orderId]);
  if (added.length > 0) await upsertItems(tx, orderId, added);
  await updateAmended(tx, orderId, change);
}

/** The reverse, once the units that were added are cancelled. */
export async function unamendOrder(
  tx: Transaction,
  orderId: string,
  { added, ...change }: OrderAmendment & { added: readonly AddedUnits[] },
): Promise<void> {
  await lockOrders(tx, [orderId]);
  const units = added.map(({ productId, quantity, revived }) => ({
    productId,
    quantity: quantity - revived,
  }));
  if (units.length > 0) await removeCancelled(tx, orderId, units);
  await updateAmended(tx, orderId, change);
}
