import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { AppError } from '../../../platform/errors';
import { derivedId } from '../../../platform/ids';
import { clearStopRefusals } from '../../fulfilment/stop';
import { appendEvents } from '../../orders/events';
import { lockOrders } from '../../orders/lock';
import { existingProgress } from '../progress';
import { AMENDMENTS_EXCEEDED, type OrderProgress } from '../types';
import { countRequests, insertCuts, selectCut } from './queries';

export { existsOpen as hasOpenCuts, selectCutPrice as readCutPrice } from './queries';

export interface CutRequest {
  orderId: string;
  /** The same request again is the same cuts. */
  requestId: string;
  items: readonly { sku: string; quantity: number }[];
  reason: string | null;
  /** The shipment that they are taken out of, which the caller stops in the same transaction; undefined: wherever the order has them. */
  shipmentId?: string;
  /** The caller who asks for it. */
  actor?: string | undefined;
}

/** How far a request to cut units has come; undefined: there is none. */
export function readCut(
  on: Queryable,
  requestId: string,
): Promise<{ isOpen: boolean; units: number } | undefined> {
  return selectCut(on, requestId);
}

/** Writes which units are to be taken out of orders. Again, it changes nothing. Returns how many cuts are new. */
export async function writeCuts(tx: Transaction, requests: readonly CutRequest[]): Promise<number> {
  if (requests.length === 0) return 0;
  return insertCuts(
    tx,
    requests.flatMap(({ orderId, requestId, items, reason, shipmentId }) =>
      items.map((item) => ({
        ...item,
        id: derivedId('cut', requestId, item.sku),
        requestId,
        orderId,
        reason,
        shipmentId: shipmentId ?? null,
      })),
    ),
  );
}

/** Requests of clients to cut units of one order, refused ones included: each asks the carrier anew. */
const MAX_REQUESTS = 200;
/** Longer than a cut takes: see `requestCancel`. */
const LOOK_AGAIN_SECONDS = 15;

/**
 * Records which units are to be taken out of an order, so that a saga that is started again knows. A request that was recorded
 * before changes nothing.
 *
 * @throws `ORDER_NOT_FOUND`, `AMENDMENTS_EXCEEDED`
 */
export async function requestCut(db: Database, request: CutRequest): Promise<OrderProgress> {
  const { orderId, requestId, items, reason, actor } = request;
  await db.retrying(async (tx) => {
    if (await selectCut(tx, requestId)) return;
    // What a carrier refused to stop before is asked for anew. Before the order's lock, which is the last.
    await clearStopRefusals(tx, orderId);
    // Requests of one order are counted one after the other.
    await lockOrders(tx, [orderId]);
    if ((await countRequests(tx, orderId)) >= MAX_REQUESTS)
      throw new AppError(AMENDMENTS_EXCEEDED, `Units of this order were cancelled ${MAX_REQUESTS} times.`);
    if ((await writeCuts(tx, [request])) === 0) return;
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }], LOOK_AGAIN_SECONDS);
    await appendEvents(tx, [{ orderId, type: 'cut_requested', actor, data: { requestId, items, reason } }]);
  });
  return existingProgress(db, orderId);
}
