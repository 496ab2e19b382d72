import { authoriseReturn } from '../../domain/warehousing/returns/authorise';
import { inspectReturn, type InspectionResult } from '../../domain/warehousing/returns/inspect';
import { receiveReturn } from '../../domain/warehousing/returns/receive';
import type { NewReturn } from '../../domain/warehousing/returns/types';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { capture, orderOf, PAYMENT, ship, type OrderShop } from '../db/support';
import { withStock } from '../support/stock';

/** Units by SKU. */
export type Units = Readonly<Record<string, number>>;

/** An order of units that were picked up in AMS. */
export async function shippedOrder(shop: OrderShop, units: Units): Promise<string> {
  const order = orderOf(units, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  await ship(shop.db, order.orderId, 'AMS', 'picked_up');
  return order.orderId;
}

export function authorise(db: Database, orderId: string, units: Units, rest: Partial<NewReturn> = {}) {
  const items = Object.entries(units).map(([sku, quantity]) => ({ sku, quantity, reason: 'too large' }));
  const money = { refund: 'price', restockingFee: { percent: 0 } } as const;
  return authoriseReturn(db, {
    returnId: newId(),
    orderId,
    items,
    ...money,
    days: 30,
    actor: 'clerk',
    ...rest,
  });
}

export function comesIn(
  db: Database,
  returnId: string,
  units: Units,
  rest: { location?: string; stepId?: string } = {},
) {
  const items = Object.entries(units).map(([sku, quantity]) => ({ sku, quantity }));
  return receiveReturn(db, { returnId, stepId: newId(), location: 'AMS', items, actor: 'dock', ...rest });
}

export function inspect(
  db: Database,
  returnId: string,
  results: readonly InspectionResult[],
  stepId = newId(),
) {
  return inspectReturn(withStock(db), { returnId, stepId, results, actor: 'inspector' });
}

/** Lets an authorisation run out now. */
export async function runOut(db: Database, returnId: string): Promise<void> {
  await db.pool.query('update customer_returns set expires_at = clock_timestamp() where id = $1', [returnId]);
}
