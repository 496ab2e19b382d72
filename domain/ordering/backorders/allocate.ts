import type { Transaction } from '../../../platform/database/database';
import { newId } from '../../../platform/ids';
import { enqueue } from '../../../platform/database/outbox';
import {
  insertLines,
  insertReservations,
  type NewReservation,
  type ReservationLine,
} from '../../stock/reservations/queries';
import { postLedger } from '../../stock/ledger/ledger';
import type { Allocation, LedgerEntry } from '../../stock/ledger/types';
import { appendEvents } from '../../orders/events';
import { moveUnits } from '../../orders/items';
import type { NewEvent, UnitMove } from '../../orders/types';
import { lockOrders } from '../../orders/lock';
import {
  reduceWaiting,
  selectReservationSeconds,
  selectLastSeqs,
  selectQueueForUpdate,
  selectWaitingUnits,
  type WaitingRow,
} from './queries';

/** More than this many allocations are left to the relay, so that one large arrival does not keep its rows locked for long. */
export const MAX_ALLOCATIONS = 500;

/** What the caller still has to write, under the orders' row locks that come last. */
export interface AllocationEffects {
  moves: UnitMove[];
  events: NewEvent[];
}

/**
 * Gives freed stock to waiting backorders, first come first served, in the transaction that frees it: no new order can take
 * it first. Each allocation is a new hold of its order; nobody else's hold is locked. What goes beyond `MAX_ALLOCATIONS`
 * is kept in an allocation hold for the relay.
 *
 * @param freed units that just became available, in rows whose locks the caller has
 */
export async function allocateBackorders(
  tx: Transaction,
  freed: readonly Allocation[],
): Promise<AllocationEffects> {
  const productIds = [...new Set(freed.map((allocation) => allocation.productId))].sort((a, b) => a - b);
  const queue = productIds.length === 0 ? [] : await selectQueueForUpdate(tx, productIds, MAX_ALLOCATIONS);
  if (queue.length === 0) return { moves: [], events: [] };
  const { grants, left } = share(queue, foldByRow(freed));
  await reduceWaiting(
    tx,
    [...grants].map(([row, allocations]) => ({ id: row.id, quantity: units(allocations) })),
  );
  const effects = await reserveForOrders(tx, grants);
  if (queue.length === MAX_ALLOCATIONS) await reserveForLater(tx, productIds, left);
  return effects;
}

/** Writes what an allocation means for its orders. Their rows are locked here: nothing but order rows may be locked after it. */
export async function applyAllocation(tx: Transaction, effects: AllocationEffects): Promise<void> {
  await lockOrders(tx, [...new Set(effects.events.map((event) => event.orderId))]);
  await moveUnits(tx, effects.moves);
  await appendEvents(tx, effects.events);
}

function units(allocations: readonly Allocation[]): number {
  return allocations.reduce((sum, allocation) => sum + allocation.quantity, 0);
}

/** One entry per stock row: two holds that are freed together may have held the same one. */
function foldByRow(allocations: readonly Allocation[]): Allocation[] {
  const byRow = new Map<string, Allocation>();
  for (const allocation of allocations) {
    const key = `${allocation.productId}:${allocation.warehouseId}`;
    byRow.set(key, { ...allocation, quantity: allocation.quantity + (byRow.get(key)?.quantity ?? 0) });
  }
  return [...byRow.values()];
}

/** Hands units to the queue in its order. */
function share(queue: readonly WaitingRow[], freed: readonly Allocation[]) {
  const left = freed.map((allocation) => ({ ...allocation }));
  const grants = new Map<WaitingRow, Allocation[]>();
  for (const row of queue) {
    let open = row.waiting;
    for (const source of left) {
      const quantity = source.productId === row.productId ? Math.min(open, source.quantity) : 0;
      if (quantity === 0) continue;
      source.quantity -= quantity;
      open -= quantity;
      const { productId, warehouseId } = source;
      grants.set(row, [...(grants.get(row) ?? []), { productId, warehouseId, quantity }]);
    }
  }
  return { grants, left: left.filter((source) => source.quantity > 0) };
}

async function reserveForOrders(
  tx: Transaction,
  grants: ReadonlyMap<WaitingRow, readonly Allocation[]>,
): Promise<AllocationEffects> {
  const byOrder = new Map<string, Allocation[]>();
  for (const [row, allocations] of grants) {
    byOrder.set(row.orderId, [...(byOrder.get(row.orderId) ?? []), ...allocations]);
  }
  const orderIds = [...byOrder.keys()];
  if (orderIds.length === 0) return { moves: [], events: [] };
  const lastSeq = new Map((await selectLastSeqs(tx, orderIds)).map((row) => [row.orderId, row.seq]));
  const holdSeconds = new Map(
    (await selectReservationSeconds(tx, orderIds)).map((row) => [row.orderId, row.holdSeconds]),
  );

  const reservations: NewReservation[] = [];
  const lines: ReservationLine[] = [];
  const effects: AllocationEffects = { moves: [], events: [] };
  for (const [orderId, allocations] of byOrder) {
    const seq = (lastSeq.get(orderId) ?? 1) + 1;
    const id = newId();
    const seconds = holdSeconds.get(orderId) ?? 0;
    reservations.push({
      id,
      kind: 'order',
      orderId,
      seq,
      status: 'pending',
      attempt: 0,
      holdSeconds: seconds,
    });
    lines.push(...allocations.map((allocation) => ({ ...allocation, reservationId: id })));
    for (const { productId, quantity } of allocations) {
      effects.moves.push({ orderId, productId, from: 'backordered', to: 'reserved', quantity });
    }
    effects.events.push({
      orderId,
      type: 'stock_allocated',
      data: { reservationId: id, units: units(allocations) },
    });
  }
  await writeReservations(tx, reservations, lines);
  await enqueue(
    tx,
    orderIds.map((orderId) => ({ topic: 'order.wake' as const, key: orderId })),
  );
  return effects;
}

/** The queue may be longer than one transaction should serve: what it needs is kept from new orders meanwhile. */
async function reserveForLater(
  tx: Transaction,
  productIds: readonly number[],
  left: readonly Allocation[],
): Promise<void> {
  const waiting = new Map(
    (await selectWaitingUnits(tx, productIds)).map((row) => [row.productId, row.units]),
  );
  for (const productId of productIds) {
    let wanted = waiting.get(productId) ?? 0;
    const kept: Allocation[] = [];
    for (const source of left.filter((allocation) => allocation.productId === productId)) {
      const quantity = Math.min(wanted, source.quantity);
      if (quantity > 0) kept.push({ ...source, quantity });
      wanted -= quantity;
    }
    if (kept.length === 0) continue;
    const id = newId();
    await writeReservations(
      tx,
      [{ id, kind: 'allocation', orderId: null, seq: 1, status: 'pending', attempt: 0, holdSeconds: null }],
      kept.map((allocation) => ({ ...allocation, reservationId: id })),
    );
    await enqueue(tx, [{ topic: 'allocation.drain', key: id }]);
  }
}

async function writeReservations(
  tx: Transaction,
  reservations: readonly NewReservation[],
  lines: readonly ReservationLine[],
): Promise<void> {
  const orderOf = new Map(reservations.map((reservation) => [reservation.id, reservation.orderId]));
  const entries = lines.map(({ reservationId, productId, warehouseId, quantity }): LedgerEntry => {
    const orderId = orderOf.get(reservationId);
    return {
      productId,
      warehouseId,
      kind: 'allocate',
      onHandDelta: 0,
      reservedDelta: quantity,
      effectId: reservationId,
      reservationId,
      ...(orderId ? { orderId } : {}),
    };
  });
  await postLedger(tx, entries);
  await insertReservations(tx, reservations);
  await insertLines(tx, lines);
}
