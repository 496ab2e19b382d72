import type { Queryable, Transaction } from '../../platform/database/database';
import { NO_CURRENCY } from '../catalog/currencies';
import {
  insertItems,
  insertOrders,
  insertTombstone,
  selectPlaced,
  type NewItem,
  type NewOrder,
  type PlacedOrder,
} from './create-queries';
import { appendEvents } from './events';
import { ownerOf } from './rules';
import type { OrderInput } from './types';

export type { NewItem, NewOrder, PlacedOrder };

/** Writes new orders and their items. Their events are the caller's to append. */
export async function createOrders(
  tx: Transaction,
  orders: readonly NewOrder[],
  items: readonly NewItem[],
): Promise<void> {
  // Sent together, and run by the server in this order.
  await Promise.all([insertOrders(tx, orders), items.length > 0 ? insertItems(tx, items) : undefined]);
}

/**
 * Leaves a failed order where there is none, so that a later reserve finds it and is refused. An order that exists is
 * left as it is.
 */
export async function createFailedOrder(
  tx: Transaction,
  order: OrderInput,
  failure: { code: string; detail: string },
): Promise<void> {
  const { orderId } = order;
  const made = await insertTombstone(tx, {
    id: orderId,
    customerId: order.customerId,
    owner: ownerOf(order),
    status: 'failed',
    fulfilment: order.fulfilment,
    // Its products are not known.
    currency: NO_CURRENCY,
    totalMinor: 0,
    shipTo: order.shipTo,
    holdSeconds: order.holdSeconds,
    backorderSeconds: null,
    isReviewed: false,
    failureCode: failure.code,
    failureDetail: failure.detail,
    failureDetails: {},
    paymentMethod: null,
    capture: 'now',
    input: order,
    sourcing: [],
    shortages: [],
  });
  if (made) await appendEvents(tx, [{ orderId, type: 'order_failed', data: { ...failure } }]);
}

/** What became of those of these orders that were placed before. */
export async function readPlaced(on: Queryable, orderIds: readonly string[]): Promise<PlacedOrder[]> {
  return orderIds.length === 0 ? [] : selectPlaced(on, orderIds);
}
