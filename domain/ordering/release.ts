import type { Transaction } from '../../platform/database/database';
import { closeLines, type OpenLine } from '../stock/reservations/reservations';
import { lockStock } from '../stock/ledger/stock-ledger';
import type { LedgerEntry } from '../stock/ledger/types';
import { writeOrderEffects } from '../orders/effects';
import type { NewEvent, UnitMove } from '../orders/types';
import { settleStatus } from '../orders/status';
import { stock } from './backorders/stock-with-backorders';

/** A line to give back, and the key under which that is done once. */
export interface ReleasedLine extends OpenLine {
  orderId: string;
  effectId: string;
}

export interface ReleaseRequest extends EndOfOrder {
  lines: readonly ReleasedLine[];
  kind: 'release' | 'expire';
  /** Written after the stock is back, with the orders' rows locked. */
  events: readonly NewEvent[];
  /** What else follows, after the stock and before the orders' rows are locked; returns further events. */
  plan?: (tx: Transaction) => Promise<readonly NewEvent[]>;
}

/** What becomes of an order that has no unit left. */
export interface EndOfOrder {
  endAs: 'expired' | 'cancelled' | 'failed';
  failure?: { code: string; detail: string } | null;
}

/**
 * Gives reserved stock back: lines closed, ledger written, units of the order cancelled, waiting backorders served with it, and
 * the order ended if nothing of it is left, all in the caller's transaction. The caller has locked the reservations.
 */
export async function releaseLines(tx: Transaction, request: ReleaseRequest): Promise<void> {
  const { lines, kind } = request;
  await lockStock(tx, lines);
  await closeLines(tx, lines);
  const taken = await stock.post(
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
  const moves = lines.map(({ orderId, productId, openQuantity }): UnitMove => {
    return { orderId, productId, from: 'reserved', to: 'cancelled', quantity: openQuantity };
  });
  const planned = (await request.plan?.(tx)) ?? [];
  const events = [...request.events, ...planned];
  const own = [...new Set([...lines, ...events].map(({ orderId }) => orderId))];
  // In one go: the single calls below lock subsets of these rows.
  await writeOrderEffects(tx, [{ moves, events }, taken?.effects], own);
  await settleStatus(tx, own, request.endAs, request.failure ?? null);
}
