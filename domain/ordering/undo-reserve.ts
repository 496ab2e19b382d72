import type { Database } from '../../platform/database/database';
import { createFailedOrder } from '../orders/create';
import type { OrderInput } from '../orders/types';
import { existingProgress } from './progress';
import type { OrderProgress } from './types';

/**
 * The undo of a reserve that may not have happened yet. Where there is no order it leaves a failed one, which a reserve that
 * was queued or paused finds and refuses. Where there is an order it changes nothing, and the saga undoes what was done.
 *
 * @returns where the order stands
 */
export async function undoReserve(
  db: Database,
  { order, code, detail }: { order: OrderInput; code: string; detail: string },
): Promise<OrderProgress> {
  await db.retrying((tx) => createFailedOrder(tx, order, { code, detail }));
  return existingProgress(db, order.orderId);
}
