import type { Transaction } from '../../platform/database/database';
import { closeLines, type OpenLine } from '../stock/reservations/reservations';
import { lockStock, postLedger } from '../stock/ledger/ledger';
import type { Allocation, LedgerEntry } from '../stock/ledger/types';
import { allocateBackorders } from './backorders/allocate';
import { appendEvents } from '../orders/events';
import { moveUnits } from '../orders/items';
import type { NewEvent, UnitMove } from '../orders/types';
import { lockOrders } from '../orders/lock';
import { settleStatus } from '../orders/status';

/** A line to give back, and the key under which that is done once. */
export interface ReleasedLine extends OpenLine {
  orderId: string;
  effectId: string;
}

export interface ReleaseRequest {
  lines: readonly ReleasedLine[];
  kind: 'release' | 'expire';
  /** Written after the stock is back, with the orders' rows locked. */
  events: readonly NewEvent[];
  /** What becomes of an order that has no unit left. */
  endAs: 'expired' | 'cancelled' | 'failed';
  failure?: { code: string; detail: string } | null;
}

/**
 * Gives held stock back: lines closed, ledger written, units of the order cancelled, waiting backorders served with it, and
 * the order ended if nothing of it is left, all in the caller's transaction. The caller has locked the holds.
 */
export async function releaseLines(tx: Transaction, request: ReleaseRequest): Promise<void> {
  const { lines, kind } = request;
  await lockStock(tx, lines);
  await closeLines(tx, lines);
  await postLedger(
    tx,
    lines.map(({ productId, warehouseId, openQuantity, effectId, reservationId, orderId }): LedgerEntry => {
      return {
        productId,
        warehouseId,
        kind,
        onHandDelta: 0,
        reservedDelta: -openQuantity,
        effectId,
        reservationId,
        orderId,
      };
    }),
  );
  const freed = lines.map(({ productId, warehouseId, openQuantity }): Allocation => {
    return { productId, warehouseId, quantity: openQuantity };
  });
  const allocated = await allocateBackorders(tx, freed);
  const cancelled = lines.map(({ orderId, productId, openQuantity }): UnitMove => {
    return { orderId, productId, from: 'reserved', to: 'cancelled', quantity: openQuantity };
  });
  const own = [
    ...new Set([...lines.map((line) => line.orderId), ...request.events.map((event) => event.orderId)]),
  ];
  const events = [...request.events, ...allocated.events];
  // All order rows in one go, in their order: the single calls below lock subsets of them.
  await lockOrders(tx, [...new Set([...own, ...events.map((event) => event.orderId)])]);
  await moveUnits(tx, [...cancelled, ...allocated.moves]);
  await appendEvents(tx, events);
  await settleStatus(tx, own, request.endAs, request.failure ?? null);
}
