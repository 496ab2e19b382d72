import type { Transaction } from '../../platform/database/database';
import { countEffects } from '../../platform/database/effects';
import type { NewEvent } from './types';
import { insertEvents } from './queries';

/**
 * Writes what happened to orders, numbered without gaps per order, and tells listeners after the commit.
 * Locks the orders' rows: nothing but order rows may be locked after it.
 */
export async function appendEvents(tx: Transaction, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await insertEvents(tx, events);
  countEffects(tx, { kind: 'order_event', labels: events.map(({ type }) => type) });
  announceOrders(
    tx,
    events.map((event) => event.orderId),
  );
}

/** Tells listeners that these orders changed. */
export function announceOrders(tx: Transaction, orderIds: readonly string[]): void {
  for (const orderId of orderIds) tx.notice('holdfast_orders', orderId);
}
