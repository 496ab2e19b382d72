import { newId } from '../../../platform/ids';
import type { Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { reserve, type Demand } from '../../stock/ledger/stock-ledger';
import type { Allocation, NewReservation } from '../../stock/ledger/types';
import { writeOrderEffects, type OrderEffects } from '../../orders/effects';
import {
  reduceWaiting,
  selectLastSeqs,
  selectQueueForUpdate,
  selectReservationSeconds,
  selectWaitedFor,
  selectWaitingUnits,
  type WaitingRow,
} from './queries';

/** More than this many allocations are left to the relay, so that one large arrival does not keep its rows locked for long. */
export const MAX_ALLOCATIONS = 500;

/** Orders that wait for stock. */
export const backorderDemand: Demand<OrderEffects> = {
  products: selectWaitedFor,
  allocate: allocateBackorders,
  write: (tx, effects) => writeOrderEffects(tx, [effects]),
};

/**
 * Gives freed stock to waiting backorders, first come first served, in the transaction that frees it. Each allocation is a new
 * reservation of its order; nobody else's reservation is locked. What goes beyond `MAX_ALLOCATIONS` is kept in a reservation of
 * kind `allocation` for the relay.
 */
async function allocateBackorders(
  tx: Transaction,
  freed: readonly Allocation[],
  left: () => Promise<readonly Allocation[]>,
): Promise<OrderEffects | null> {
  const productIds = [...new Set(freed.map((allocation) => allocation.productId))].sort((a, b) => a - b);
  const queue = await selectQueueForUpdate(tx, productIds, MAX_ALLOCATIONS);
  const free = queue.length === 0 ? [] : await left();
  if (free.length === 0) return null;
  const { grants, rest } = share(queue, free);
  await reduceWaiting(
    tx,
    [...grants].map(([row, allocations]) => ({ id: row.id, quantity: units(allocations) })),
  );
  const effects = await reserveForOrders(tx, grants);
  if (queue.length === MAX_ALLOCATIONS) await reserveForLater(tx, productIds, rest);
  return effects;
}

function units(allocations: readonly Allocation[]): number {
  return allocations.reduce((sum, allocation) => sum + allocation.quantity, 0);
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
  return { grants, rest: left.filter((source) => source.quantity > 0) };
}

async function reserveForOrders(
  tx: Transaction,
  grants: ReadonlyMap<WaitingRow, readonly Allocation[]>,
): Promise<OrderEffects> {
  const byOrder = new Map<string, Allocation[]>();
  for (const [row, allocations] of grants) {
    byOrder.set(row.orderId, [...(byOrder.get(row.orderId) ?? []), ...allocations]);
  }
  const orderIds = [...byOrder.keys()];
  const [seqs, seconds] = await Promise.all([
    selectLastSeqs(tx, orderIds),
    selectReservationSeconds(tx, orderIds),
  ]);
  const lastSeq = new Map(seqs.map((row) => [row.orderId, row.seq]));
  const holdSeconds = new Map(seconds.map((row) => [row.orderId, row.holdSeconds]));
  const reservations = [...byOrder].map(([orderId, allocations]): NewReservation => {
    return {
      id: newId(),
      kind: 'order',
      orderId,
      seq: (lastSeq.get(orderId) ?? 1) + 1,
      status: 'pending',
      attempt: 0,
      holdSeconds: holdSeconds.get(orderId) ?? 0,
      allocations,
    };
  });
  await reserve(tx, { kind: 'allocate', reservations });
  await enqueue(
    tx,
    orderIds.map((orderId) => ({ topic: 'order.wake' as const, key: orderId })),
  );
  return {
    moves: [...byOrder].flatMap(([orderId, allocations]) =>
      allocations.map(({ productId, quantity }) => {
        return { orderId, productId, from: 'backordered' as const, to: 'reserved' as const, quantity };
      }),
    ),
    events: reservations.flatMap(({ id: reservationId, orderId, allocations }) =>
      orderId === null
        ? []
        : [{ orderId, type: 'stock_allocated', data: { reservationId, units: units(allocations) } }],
    ),
  };
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
  const reservations: NewReservation[] = [];
  for (const productId of productIds) {
    let wanted = waiting.get(productId) ?? 0;
    const kept: Allocation[] = [];
    for (const source of left.filter((allocation) => allocation.productId === productId)) {
      const quantity = Math.min(wanted, source.quantity);
      if (quantity > 0) kept.push({ ...source, quantity });
      wanted -= quantity;
    }
    if (kept.length === 0) continue;
    reservations.push({
      id: newId(),
      kind: 'allocation',
      orderId: null,
      status: 'pending',
      attempt: 0,
      holdSeconds: null,
      allocations: kept,
    });
  }
  await reserve(tx, { kind: 'allocate', reservations });
  await enqueue(
    tx,
    reservations.map(({ id }) => ({ topic: 'allocation.drain' as const, key: id })),
  );
}
