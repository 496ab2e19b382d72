import type { Transaction } from '../../platform/database/database';
import { announceOrders } from './events';
import { eraseEvents, eraseOrders } from './erase-queries';

/**
 * Takes out of orders that have ended, and of their events, what tells of their customer: address, texts, card token, and the distances of
 * warehouses, which tell the address. Amounts, units and times stay.
 *
 * @returns the ids of those that were erased: one that is open, or was erased, is left as it is
 */
export async function eraseCustomerOf(tx: Transaction, orderIds: readonly string[]): Promise<string[]> {
  const erased = (await eraseOrders(tx, orderIds)).map(({ id }) => id);
  // Only now: events of an order that is not erased are append-only.
  await eraseEvents(tx, erased);
  announceOrders(tx, erased);
  return erased;
}

/** Takes out of the events of orders that were erased before what was written since. */
export function eraseLaterEventsOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseEvents(tx, orderIds);
}
