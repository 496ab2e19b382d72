import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { findWarehouseId } from '../../catalog/warehouses';
import { appendEvents } from '../../orders/events';
import { updateReturn, updateReturnLines } from './queries';
import { changesOf, onReturn } from './steps';
import type { ReturnStep, ReturnView } from './types';

/**
 * Records that goods of a return came in. They are no stock until they are inspected. All of a return comes in at one location.
 *
 * @throws NOT_FOUND, UNKNOWN_LOCATION; RETURN_CLOSED, also once the authorisation has run out; RETURN_EXCEEDS_AUTHORISED;
 * RETURN_AT_ANOTHER_LOCATION
 */
export async function receiveReturn(
  db: Database,
  request: ReturnStep & { location: string; items: readonly { sku: string; quantity: number }[] },
): Promise<ReturnView> {
  const { returnId, location, items, actor } = request;
  const warehouseId = await findWarehouseId(db, location);
  return onReturn(db, { ...request, step: 'receive' }, async (tx, goods) => {
    if (goods.isDue || goods.closedToArrivals)
      throw new AppError('RETURN_CLOSED', 'The authorisation has run out.');
    if (goods.warehouseId !== null && goods.warehouseId !== warehouseId)
      throw new AppError('RETURN_AT_ANOTHER_LOCATION', 'Part of it came in at another location.');
    const { changes } = await changesOf(tx, {
      returnId,
      asked: items,
      change: ({ quantity }) => ({ received: quantity, restocked: 0, writtenOff: 0, refunded: 0 }),
      room: (line) => line.quantity - line.received,
      code: 'RETURN_EXCEEDS_AUTHORISED',
    });
    await updateReturnLines(tx, returnId, changes);
    await updateReturn(tx, returnId, { status: goods.next, warehouseId });
    const data = { returnId, location, items, actor };
    await appendEvents(tx, [{ orderId: goods.orderId, type: 'return_received', actor, data }]);
  });
}
