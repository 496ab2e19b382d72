import type { Transaction } from '../../../platform/database/database';
import { appendEvents } from '../../orders/events';
import { moveUnits } from '../../orders/items';
import {
  insertBackorders,
  reduceWaiting,
  selectOrderBackordersForUpdate,
  type NewBackorder,
} from './queries';

export type { NewBackorder };
export {
  existsDue as isBackorderDue,
  reduceWaiting as takeWaiting,
  selectOrderBackordersForUpdate as lockWaiting,
} from './queries';

/** Puts orders at the end of the queues for stock, in the order given. */
export async function openBackorders(tx: Transaction, backorders: readonly NewBackorder[]): Promise<void> {
  if (backorders.length > 0) await insertBackorders(tx, backorders);
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
