import type { Database, Transaction } from '../../../platform/database/database';
import { newId } from '../../../platform/ids';
import { beginStops, stopDoubled } from '../../fulfilment/stop';
import { appendEvents } from '../../orders/events';
import { moveUnits } from '../../orders/items';
import { settleStatus } from '../../orders/status';
import type { NewEvent } from '../../orders/types';
import {
  lockOrderReservations,
  openLines,
  setReservationStatus,
} from '../../stock/reservations/reservations';
import { lockWaiting, takeWaiting } from '../backorders/backorders';
import { emptiedBy } from '../emptied';
import { existingProgress } from '../progress';
import { releaseLines, type ReleasedLine } from '../release';
import type { OrderProgress } from '../types';
import { beingAddedOf, planRefundsOfUnshipped, unshippedOf } from '../unshipped';
import {
  addDone,
  endCuts,
  selectOpenForUpdate,
  selectStoppable,
  selectUndecided,
  type OpenCut,
} from './queries';
import { shareToCuts, type Shared } from './share';

export { selectOpenForUpdate as lockOpenCuts, type OpenCut } from './queries';

/**
 * Takes units out of an order as far as they have not left: first those that wait for stock, then those that are not paid for, then
 * those that are in no shipment yet, then those in shipments, which are stopped for it; what else is in such a shipment is shipped
 * anew. When nothing more of what was asked for can be cut, the request has ended. A second call finds nothing to do.
 */
export async function cutUnits(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => cutWaiting(tx, orderId));
  await db.retrying((tx) => cutUnshipped(tx, orderId));
  await db.retrying((tx) => stopOrEnd(tx, orderId));
  return existingProgress(db, orderId);
}

async function cutWaiting(tx: Transaction, orderId: string): Promise<void> {
  const cuts = await selectOpenForUpdate(tx, orderId);
  if (cuts.length === 0) return;
  const waiting = await lockWaiting(tx, orderId);
  const shared = shareToCuts(
    cuts,
    waiting.map(({ waiting: quantity, ...row }) => ({ ...row, quantity })),
  );
  if (shared.taken.length === 0) return;
  await takeWaiting(tx, shared.taken);
  await addDone(tx, shared.done);
  await moveUnits(
    tx,
    shared.taken.map(({ productId, quantity }) => ({
      orderId,
      productId,
      from: 'backordered' as const,
      to: 'cancelled' as const,
      quantity,
    })),
  );
  await appendEvents(tx, [unitsCut(orderId, shared.done)]);
  await settleStatus(tx, [orderId], 'cancelled');
}

/**
 * Those that are not paid for first, and the latest of each first: the first has waited for its payment the longest. What an amendment
 * adds is left alone until that is settled: undone, it takes out of the order as many units as it had added.
 */
async function cutUnshipped(tx: Transaction, orderId: string): Promise<void> {
  const all = (await lockOrderReservations(tx, orderId)).sort((a, b) => b.seq - a.seq);
  const cuts = await selectOpenForUpdate(tx, orderId);
  if (cuts.length === 0) return;
  const paid = await unshippedOf(tx, orderId);
  const added = await beingAddedOf(tx, orderId);
  const unpaid = all.filter(({ id, status }) => status === 'pending' && !added.has(id));
  const from = [...unpaid, ...all.filter(({ id }) => paid.has(id))];
  if (from.length === 0) return;
  const place = new Map(from.map(({ id }, index) => [id, index]));
  const lines = (await openLines(tx, [...place.keys()])).sort(
    (a, b) => (place.get(a.reservationId) ?? 0) - (place.get(b.reservationId) ?? 0),
  );
  const shared = shareToCuts(
    cuts,
    lines.map((line) => ({ ...line, quantity: line.openQuantity })),
  );
  if (shared.taken.length === 0) return;
  await addDone(tx, shared.done);
  const taken = shared.taken.map(({ quantity: openQuantity, ...line }) => ({ ...line, openQuantity }));
  const emptied = emptiedBy(taken, lines);
  await setReservationStatus(tx, emptied, 'cancelled');
  // What was cut is counted in the same transaction, so it is given back once whatever its effect is called.
  const effectId = newId();
  await releaseLines(tx, {
    kind: 'release',
    endAs: 'cancelled',
    lines: taken.map((line): ReleasedLine => ({ ...line, orderId, effectId })),
    plan: (inner) =>
      planRefundsOfUnshipped(inner, orderId, {
        lines: taken.filter(({ reservationId }) => paid.has(reservationId)),
        id: effectId,
        reason: 'a part was cancelled',
      }),
    events: [
      unitsCut(orderId, shared.done),
      ...emptied.map((reservationId) => ({ orderId, type: 'hold_released', data: { reservationId } })),
    ],
  });
}

/** Stops as few shipments as have what is to be cut; where there are none, it can't be cut. */
async function stopOrEnd(tx: Transaction, orderId: string): Promise<void> {
  const open = await selectOpenForUpdate(tx, orderId);
  if (open.length === 0) return;
  // What is being stopped or charged, also by an earlier run of this step, decides first what there is to cut of its products.
  const undecided = await selectUndecided(
    tx,
    orderId,
    open.map(({ productId }) => productId),
  );
  const cuts = open.filter(({ productId }) => !undecided.has(productId));
  if (cuts.length === 0) return;
  const parcels = await selectStoppable(
    tx,
    orderId,
    cuts.map(({ productId }) => productId),
  );
  const { taken, done } = shareToCuts(cuts, parcels);
  const shipmentIds = [...new Set(taken.map(({ shipmentId }) => shipmentId))];
  const ended = await endCuts(
    tx,
    cuts.filter(({ id }) => !done.some((one) => one.id === id)).map(({ id }) => id),
  );
  await beginStops(tx, orderId, { shipmentIds, forCut: true });
  const refused = ended.filter(({ state }) => state === 'refused').map(({ requestId }) => requestId);
  await appendEvents(
    tx,
    [...new Set(refused)].map((requestId) => ({ orderId, type: 'cut_refused', data: { requestId } })),
  );
}

/** Stops shipments that carry again what has left after it was stopped for a cut. A second call finds nothing to do. */
export async function stopDoubledShipments(db: Database, orderId: string): Promise<OrderProgress> {
  await db.retrying((tx) => stopDoubled(tx, orderId));
  return existingProgress(db, orderId);
}

/** Counts units that are given up of an order as cut, as far as its open cuts want them. The caller has locked these. */
export async function countAsCut(
  tx: Transaction,
  cuts: readonly OpenCut[],
  units: readonly { productId: number; quantity: number; shipmentId: string }[],
): Promise<Shared<object>['done']> {
  const { done } = shareToCuts(cuts, units);
  if (done.length > 0) await addDone(tx, done);
  return done;
}

/** What was cut, in the order's history. */
export function unitsCut(orderId: string, done: Shared<object>['done']): NewEvent {
  return {
    orderId,
    type: 'units_cut',
    data: { items: done.map(({ sku, units }) => ({ sku, quantity: units })) },
  };
}
