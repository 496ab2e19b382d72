import type { Transaction } from '../../../platform/database/database';
import { appendEvents } from '../../orders/events';
import { moveUnits } from '../../orders/items';
import { MAX_ALLOCATIONS } from './demand';
import {
  insertBackorders,
  reduceWaiting,
  selectOrderBackordersForUpdate,
  selectQueuesForUpdate,
  type NewBackorder,
  type WaitingRow,
} from './queries';

export type { NewBackorder, WaitingRow };
export {
  existsDue as isBackorderDue,
  reduceWaiting as takeWaiting,
  selectOrderBackordersForUpdate as lockWaiting,
} from './queries';

/** Puts orders at the end of the queues for stock, in the order given. */
export async function openBackorders(tx: Transaction, backorders: readonly NewBackorder[]): Promise<void> {
  if (backorders.length > 0) await insertBackorders(tx, backorders);
}

/**
 * Locks what an order waits for, and who else is given units of these products where some become free: in the same transaction
 * the order may give up its own and free others. Returns the order's.
 */
export async function lockWaitingBeforeFreeing(
  tx: Transaction,
  orderId: string,
  productIds: readonly number[],
): Promise<WaitingRow[]> {
  const queues = await selectQueuesForUpdate(tx, orderId, productIds, MAX_ALLOCATIONS);
  return queues.filter((row) => row.orderId === orderId);
}

/** Takes an order out of every queue for stock; returns how many units it gave up. A second call gives up nothing. */
export async function closeBackorders(tx: Transaction, orderId: string): Promise<number> {
  const waiting = await selectOrderBackordersForUpdate(tx, orderId);
  if (waiting.length === 0) return 0;
  await reduceWaiting(
    tx,
    waiting.map((row) => ({ id: row.id, quantity: row.waiting })),
  );
  await moveUnits(
    tx,
    waiting.map(({ productId, waiting: quantity }) => ({
      orderId,
      productId,
      from: 'backordered' as const,
      to: 'cancelled' as const,
      quantity,
    })),
  );
  const units = waiting.reduce((sum, row) => sum + row.waiting, 0);
  await appendEvents(tx, [{ orderId, type: 'backorders_closed', data: { units } }]);
  return units;
}
