import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';

export interface WaitingRow {
  id: number;
  productId: number;
  orderId: string;
  waiting: number;
}

/** The queue of waiting backorders of these products, first come first served, locked after the stock rows. */
export function selectQueueForUpdate(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<WaitingRow[]> {
  return many<WaitingRow>(
    tx,
    'orders.lock_backorder_queue',
    `select id, product_id as "productId", order_id as "orderId", waiting
     from backorders where product_id = any ($1::int[]) and waiting > 0
     order by product_id, id limit $2
     for no key update`,
    [productIds, limit],
  );
}

/** Products that any backorder waits for. */
export async function selectWaitedFor(on: Queryable): Promise<number[]> {
  const found = await many<{ productId: number }>(
    on,
    'orders.waited_for',
    'select distinct product_id as "productId" from backorders where waiting > 0',
  );
  return found.map((row) => row.productId);
}

/** Units that still wait for a product. */
export function selectWaitingUnits(
  on: Queryable,
  productIds: readonly number[],
): Promise<{ productId: number; units: number }[]> {
  return many(
    on,
    'orders.waiting_units',
    `select product_id as "productId", sum(waiting)::int as units
     from backorders where product_id = any ($1::int[]) and waiting > 0 group by product_id`,
    [productIds],
  );
}

export function reduceWaiting(
  tx: Transaction,
  taken: readonly { id: number; quantity: number }[],
): Promise<number> {
  return execute(
    tx,
    'orders.reduce_waiting',
    `update backorders b set waiting = b.waiting - d.quantity
     from unnest($1::bigint[], $2::int[]) as d (id, quantity) where b.id = d.id`,
    [taken.map((t) => t.id), taken.map((t) => t.quantity)],
  );
}

/** Waiting backorders of an order, locked in the one order. */
export function selectOrderBackordersForUpdate(tx: Transaction, orderId: string): Promise<WaitingRow[]> {
  return many<WaitingRow>(
    tx,
    'orders.lock_backorders',
    `select id, product_id as "productId", order_id as "orderId", waiting
     from backorders where order_id = $1 and waiting > 0 order by product_id, id for no key update`,
    [orderId],
  );
}

/** The highest reservation number of each order that has a reservation. */
export function selectLastSeqs(
  on: Queryable,
  orderIds: readonly string[],
): Promise<{ orderId: string; seq: number }[]> {
  return many(
    on,
    'orders.last_seqs',
    `select order_id as "orderId", max(seq) as seq from reservations where order_id = any ($1::uuid[]) group by order_id`,
    [orderIds],
  );
}

export function selectReservationSeconds(
  on: Queryable,
  orderIds: readonly string[],
): Promise<{ orderId: string; holdSeconds: number }[]> {
  return many(
    on,
    'orders.hold_seconds',
    'select id as "orderId", hold_seconds as "holdSeconds" from orders where id = any ($1::uuid[])',
    [orderIds],
  );
}

/** Orders among these that were ever paid for. */
export async function selectPaidOrders(on: Queryable, orderIds: readonly string[]): Promise<Set<string>> {
  const found = await many<{ orderId: string }>(
    on,
    'orders.paid_among',
    `select distinct order_id as "orderId" from payments
     where order_id = any ($1::uuid[]) and status in ('captured', 'refunded', 'partially_refunded')`,
    [orderIds],
  );
  return new Set(found.map((row) => row.orderId));
}

/** Lines of confirmed reservations whose shipment will not happen: what compensation gives back. */
export function selectCutLines(
  on: Queryable,
  orderId: string,
): Promise<
  {
    reservationId: string;
    productId: number;
    warehouseId: number;
    openQuantity: number;
    shipmentId: string;
  }[]
> {
  return many(
    on,
    'orders.cut_lines',
    `select l.reservation_id as "reservationId", l.product_id as "productId", l.warehouse_id as "warehouseId",
            l.open_quantity as "openQuantity", s.id as "shipmentId"
     from shipments s
     join reservation_lines l on l.reservation_id = s.reservation_id and l.warehouse_id = s.warehouse_id
     where s.order_id = $1 and s.status in ('voided', 'failed') and l.open_quantity > 0
     order by l.product_id, l.warehouse_id, l.reservation_id`,
    [orderId],
  );
}

/** Reservations among these of which something has left. */
export async function selectShippedReservations(
  on: Queryable,
  reservationIds: readonly string[],
): Promise<Set<string>> {
  const found = await many<{ id: string }>(
    on,
    'orders.shipped_reservations',
    `select distinct reservation_id as id from shipments
     where reservation_id = any ($1::uuid[]) and status in ('picked_up', 'delivered')`,
    [reservationIds],
  );
  return new Set(found.map((row) => row.id));
}

/** Whether somebody asked to cancel an order that is still open; remembered, so that it survives its saga. */
export async function claimCancel(tx: Transaction, orderId: string, reason: string): Promise<boolean> {
  const claimed = await execute(
    tx,
    'orders.claim_cancel',
    `update orders set cancel_reason = $2, updated_at = clock_timestamp()
     where id = $1 and cancel_reason is null and status in ('reserved', 'paid', 'fulfilling')`,
    [orderId, reason],
  );
  return claimed > 0;
}

export async function dropCancel(tx: Transaction, orderId: string): Promise<boolean> {
  const dropped = await execute(
    tx,
    'orders.drop_cancel',
    `update orders set cancel_reason = null, updated_at = clock_timestamp()
     where id = $1 and cancel_reason is not null and status in ('reserved', 'paid', 'fulfilling')`,
    [orderId],
  );
  return dropped > 0;
}
