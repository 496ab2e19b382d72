import type { Transaction } from '../../platform/database/database';
import { selectForUpdate } from './queries';
import type { OrderStatus } from './types';

/**
 * Locks the rows of orders, by id. Nothing but order rows may be locked after it. Ids may repeat; those without an order are
 * left out.
 */
export async function lockOrders(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<{ id: string; status: OrderStatus }[]> {
  const distinct = [...new Set(orderIds)];
  return distinct.length === 0 ? [] : selectForUpdate(tx, distinct);
}
