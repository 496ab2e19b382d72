import { many, type Transaction } from '../../platform/database/database';
import { beingAdded } from './being-added-sql';

/** Reservations of an order that are what an amendment adds which is not settled. */
export async function selectBeingAdded(tx: Transaction, orderId: string): Promise<Set<string>> {
  const found = await many<{ id: string }>(
    tx,
    'ordering.being_added',
    `select r.id from reservations r where r.order_id = $1 and ${beingAdded('r')}`,
    [orderId],
  );
  return new Set(found.map(({ id }) => id));
}
