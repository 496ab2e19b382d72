import type { Database } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { appendEvents } from '../../orders/events';
import { existingProgress } from '../progress';
import type { OrderProgress } from '../types';
import { insertAmendment } from './queries';
import type { AmendRequest } from './types';

export { selectAmendment as readAmendment } from './queries';

/** Longer than an amendment takes: see `requestCancel`. */
const LOOK_AGAIN_SECONDS = 15;

/**
 * Records how an order is to be amended, so that a saga that is started again knows. A request that was recorded before changes
 * nothing.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function requestAmend(db: Database, request: AmendRequest): Promise<OrderProgress> {
  const { orderId, requestId, items, shipTo } = request;
  await db.retrying(async (tx) => {
    if (!(await insertAmendment(tx, request))) return;
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }], LOOK_AGAIN_SECONDS);
    await appendEvents(tx, [
      {
        orderId,
        type: 'amend_requested',
        data: { requestId, items, ...(shipTo === null ? {} : { shipTo }) },
      },
    ]);
  });
  return existingProgress(db, orderId);
}
