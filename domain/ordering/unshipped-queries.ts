import { many, type Queryable } from '../../platform/database/database';
import { unshipped } from './unshipped-sql';

/** Reservations of an order that are paid for and of which nothing is in a shipment yet. */
export async function selectUnshipped(on: Queryable, orderId: string): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'ordering.unshipped',
    `select r.id from reservations r where r.order_id = $1 and ${unshipped('r')} order by r.id`,
    [orderId],
  );
  return found.map(({ id }) => id);
}

/** The same among these reservations. */
export async function selectUnshippedAmong(
  on: Queryable,
  reservationIds: readonly string[],
): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'ordering.unshipped_among',
    `select r.id from reservations r where r.id = any ($1::uuid[]) and ${unshipped('r')} order by r.id`,
    [reservationIds],
  );
  return found.map(({ id }) => id);
}
