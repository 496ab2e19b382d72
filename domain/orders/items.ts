import type { Transaction } from '../../platform/database/database';
import type { UnitMove } from './types';
import { lockOrders } from './lock';
import { updateItems, type ItemDelta } from './queries';

/**
 * Moves units of order items from one state to another; a database constraint keeps their sum.
 * Locks the orders' rows, by id: two transactions that touch the same orders cannot deadlock on their items.
 */
export async function moveUnits(tx: Transaction, moves: readonly UnitMove[]): Promise<void> {
  if (moves.length === 0) return;
  await lockOrders(
    tx,
    moves.map((move) => move.orderId),
  );
  await updateItems(tx, foldMoves(moves));
}

function foldMoves(moves: readonly UnitMove[]): ItemDelta[] {
  const deltas = new Map<string, ItemDelta>();
  for (const { orderId, productId, from, to, quantity } of moves) {
    const key = `${orderId}:${productId}`;
    const delta = deltas.get(key) ?? {
      orderId,
      productId,
      reserved: 0,
      backordered: 0,
      fulfilled: 0,
      cancelled: 0,
    };
    delta[from] -= quantity;
    delta[to] += quantity;
    deltas.set(key, delta);
  }
  return [...deltas.values()];
}
