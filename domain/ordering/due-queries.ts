import { many, type Transaction } from '../../platform/database/database';
import { notPutOff } from '../stock/alerts/put-off-sql';

/**
 * Locks pending reservations of orders on these products that are past due, skipping any that somebody works on, and those
 * whose order also waits for stock: its places in the queues must be given up first, which is its saga's work.
 * Those that could not be freed are left out for a while. `status = 'pending'` is tested again by the lock itself, so one that was just paid is not taken.
 */
export function selectDueReservationsForUpdate(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<{ id: string; orderId: string }[]> {
  return many(
    tx,
    'ordering.lock_due_reservations',
    `select r.id, r.order_id as "orderId" from reservations r
     where r.kind = 'order' and r.status = 'pending' and r.expires_at <= (select clock_timestamp())
       and exists (select 1 from reservation_lines l
                   where l.reservation_id = r.id and l.open_quantity > 0 and l.product_id = any ($1::int[]))
       and not exists (select 1 from backorders b where b.order_id = r.order_id and b.waiting > 0)
       and ${notPutOff('expire_reservation', 'r.id')}
     order by r.id limit $2
     for no key update skip locked`,
    [productIds, limit],
  );
}
