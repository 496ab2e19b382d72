import type { Transaction } from '../../platform/database/database';
import { countEffects } from '../../platform/database/effects';
import type { NewEvent } from './types';
import { eraseLater } from './erase-later';
import { insertEvents } from './queries';

/**
 * Writes what happened to orders, numbered without gaps per order, and tells listeners after the commit. Whoever caused it acted for the
 * customer, unless they are the customer. What a person does to the order of another, and a service to one that it has not placed, is in
 * the audit log as well; the rest is in the order's own history only. Locks the orders' rows: nothing but order rows may be locked after it.
 */
export async function appendEvents(tx: Transaction, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const erased = await insertEvents(tx, events);
  await eraseLater(tx, erased);
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
