import type { Database } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { AppError } from '../../../platform/errors';
import { appendEvents } from '../../orders/events';
import { lockOrders } from '../../orders/lock';
import { existingProgress } from '../progress';
import { AMENDMENTS_EXCEEDED, type OrderProgress } from '../types';
import { countAmendments, insertAmendment, selectAmendment } from './queries';
import type { AmendRequest } from './types';

export { selectAmendment as readAmendment } from './queries';

/** Longer than an amendment takes: see `requestCancel`. */
const LOOK_AGAIN_SECONDS = 15;

/**
 * Records how an order is to be amended, so that a saga that is started again knows. A request that was recorded before changes
 * nothing.
 *
 * @param limit so many amendments of one order are recorded at most, refused ones included
 * @throws `ORDER_NOT_FOUND`, `AMENDMENTS_EXCEEDED`
 */
export async function requestAmend(
  db: Database,
  request: AmendRequest,
  limit: number,
): Promise<OrderProgress> {
  const { orderId, requestId, items, shipTo, actor } = request;
  await db.retrying(async (tx) => {
    // Requests of one order are counted one after the other.
    await lockOrders(tx, [orderId]);
    if (await selectAmendment(tx, requestId)) return;
    if ((await countAmendments(tx, orderId)) >= limit)
      throw new AppError(AMENDMENTS_EXCEEDED, `This order was amended ${limit} times.`, { limit });
    if (!(await insertAmendment(tx, request))) return;
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }], LOOK_AGAIN_SECONDS);
    await appendEvents(tx, [
      {
        orderId,
        type: 'amend_requested',
        actor,
        data: { requestId, items, ...(shipTo === null ? {} : { shipTo }) },
      },
    ]);
  });
  return existingProgress(db, orderId);
}
