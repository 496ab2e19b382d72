import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { enqueue } from '../../../platform/database/outbox';
import { appendEvents } from '../../orders/events';
import { lockOrders } from '../../orders/lock';
import { insertReturn, selectReturnable } from './queries';
import type { NewReturn, ReturnView } from './types';
import { readReturn, returnIn } from './views';

/**
 * Allows a customer to send back what was shipped to them and is not returned yet. The row is written first; the relay then
 * starts the workflow that follows it, so the engine may be away. The same return again returns the first. No money
 * moves before the goods are inspected.
 *
 * @throws UNKNOWN_ORDER; NOT_RETURNABLE with `items: [{sku, requested, returnable}]`
 */
export function authoriseReturn(db: Database, wanted: NewReturn): Promise<ReturnView> {
  return db.retrying(async (tx) => {
    // The order's row is the only one locked: two returns of one order are decided one after the other.
    const [order] = await lockOrders(tx, [wanted.orderId]);
    if (!order) throw new AppError('UNKNOWN_ORDER', 'There is no such order.');
    const known = await readReturn(tx, wanted.returnId);
    if (known) return known;
    await write(tx, wanted);
    return returnIn(tx, wanted.returnId);
  });
}

async function write(tx: Transaction, wanted: NewReturn): Promise<void> {
  const { returnId, orderId } = wanted;
  const returnable = new Map((await selectReturnable(tx, orderId)).map((row) => [row.sku, row]));
  const refused = wanted.items
    .filter(({ sku, quantity }) => quantity > (returnable.get(sku)?.returnable ?? 0))
    .map(({ sku, quantity }) => ({
      sku,
      requested: quantity,
      returnable: returnable.get(sku)?.returnable ?? 0,
    }));
  if (refused.length > 0) {
    const words = refused.map(({ sku, returnable: units }) => `${units} of ${sku}`).join(', ');
    throw new AppError('NOT_RETURNABLE', `Of this order there may be returned: ${words}.`, {
      items: refused,
    });
  }
  await insertReturn(
    tx,
    wanted,
    wanted.items.flatMap((item) => {
      const row = returnable.get(item.sku);
      return row ? [{ ...item, productId: row.productId }] : [];
    }),
  );
  await enqueue(tx, [{ topic: 'return.wake', key: returnId }]);
  const { items, refund, restockingFee, actor } = wanted;
  const data = { returnId, items, refund, restockingFee, actor };
  await appendEvents(tx, [{ orderId, type: 'return_authorised', actor, data }]);
}
