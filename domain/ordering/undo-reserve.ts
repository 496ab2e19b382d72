import type { Database } from '../../platform/database/database';
import { appendEvents } from '../orders/events';
import { insertTombstone } from '../orders/place-queries';
import { readProgress } from './progress';
import { NO_CURRENCY } from '../orders/rules';
import type { OrderProgress } from './types';
import type { OrderInput } from '../orders/types';

/**
 * The undo of a reserve that may not have happened yet. Where there is no order it leaves a failed one, a tombstone: a
 * reserve that was queued or paused and runs after its undo finds it and refuses. Where there is an order it changes nothing
 * and answers where it stands, so that the saga undoes what was done.
 */
export async function undoReserve(
  db: Database,
  { order, code, detail }: { order: OrderInput; code: string; detail: string },
): Promise<OrderProgress | null> {
  const { orderId } = order;
  await db.retrying(async (tx) => {
    const made = await insertTombstone(tx, {
      id: orderId,
      customerId: order.customerId,
      status: 'failed',
      fulfilment: order.fulfilment,
      currency: NO_CURRENCY,
      totalMinor: 0,
      shipTo: order.shipTo,
      holdSeconds: order.holdSeconds,
      failureCode: code,
      failureDetail: detail,
      paymentMethod: null,
      input: order,
      sourcing: [],
      shortages: [],
    });
    if (made) await appendEvents(tx, [{ orderId, type: 'order_failed', data: { code, detail } }]);
  });
  return readProgress(db, orderId);
}
