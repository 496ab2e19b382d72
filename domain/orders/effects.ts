import type { Transaction } from '../../platform/database/database';
import { appendEvents } from './events';
import { moveLockedUnits } from './items';
import { lockOrders } from './lock';
import type { NewEvent, UnitMove } from './types';

/** What a change of stock means for orders. */
export interface OrderEffects {
  moves: readonly UnitMove[];
  events: readonly NewEvent[];
}

/**
 * Writes effects on orders, in the order given. All order rows are locked in one go, by id, also those of `others`, which the
 * caller is about to change: nothing but order rows may be locked after it.
 */
export async function writeOrderEffects(
  tx: Transaction,
  effects: readonly (OrderEffects | null | undefined)[],
  others: readonly string[] = [],
): Promise<void> {
  const moves = effects.flatMap((effect) => effect?.moves ?? []);
  const events = effects.flatMap((effect) => effect?.events ?? []);
  const orderIds = new Set([...others, ...[...moves, ...events].map(({ orderId }) => orderId)]);
  if (orderIds.size === 0) return;
  // Sent together, and run by the server in this order.
  await Promise.all([lockOrders(tx, [...orderIds]), moveLockedUnits(tx, moves), appendEvents(tx, events)]);
}
