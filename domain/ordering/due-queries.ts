import { many, type Queryable, type Transaction } from '../../platform/database/database';
import { canBeFreed } from '../stock/reservations/due-sql';

export interface DueReservation {
  id: string;
  orderId: string;
}

/** Pending reservations of orders on these products that are past due and can be freed. */
const DUE = `select r.id, r.order_id as "orderId" from reservations r
  where r.kind = 'order' and ${canBeFreed('r')}
    and exists (select 1 from reservation_lines l
                where l.reservation_id = r.id and l.open_quantity > 0 and l.product_id = any ($1::int[]))`;
const WAITS_FOR_STOCK = 'exists (select 1 from backorders b where b.order_id = r.order_id and b.waiting > 0)';

/**
 * Locks those whose order does not also wait for stock, skipping any that somebody works on. `status = 'pending'` is tested
 * again by the lock itself, so one that was just paid is not taken.
 */
export function selectDueReservationsForUpdate(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<DueReservation[]> {
  return many(
    tx,
    'ordering.lock_due_reservations',
    `${DUE} and not ${WAITS_FOR_STOCK} order by r.id limit $2 for no key update skip locked`,
    [productIds, limit],
  );
}

/** The same, and waits for those that somebody works on. */
export function selectDueReservationsAfterWait(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<DueReservation[]> {
  return many(
    tx,
    'ordering.wait_for_due_reservations',
    `${DUE} and not ${WAITS_FOR_STOCK} order by r.id limit $2 for no key update`,
    [productIds, limit],
  );
}

/** Those whose order also waits for stock: its places in the queues are given up first. Not locked. */
export function selectDueOfWaitingOrders(
  on: Queryable,
  productIds: readonly number[],
  limit: number,
): Promise<DueReservation[]> {
  return many(on, 'ordering.due_of_waiting_orders', `${DUE} and ${WAITS_FOR_STOCK} order by r.id limit $2`, [
    productIds,
    limit,
  ]);
}
