import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../../orders/types';

export interface NewBackorder {
  orderId: string;
  productId: number;
  quantity: number;
}

/** Puts orders at the end of the queues of what they wait for, in the order given. */
export function insertBackorders(tx: Transaction, backorders: readonly NewBackorder[]): Promise<number> {
  return execute(
    tx,
    'backorders.insert',
    `insert into backorders (product_id, order_id, quantity, waiting)
     select product_id, order_id, quantity, quantity
     from unnest($1::int[], $2::uuid[], $3::int[]) with ordinality as b (product_id, order_id, quantity, n) order by n`,
    [backorders.map((b) => b.productId), backorders.map((b) => b.orderId), backorders.map((b) => b.quantity)],
  );
}

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
    'backorders.lock_queue',
    `select id, product_id as "productId", order_id as "orderId", waiting
     from backorders where product_id = any ($1::int[]) and waiting > 0
     order by product_id, id limit $2
     for no key update`,
    [productIds, limit],
  );
}

/** What an order waits for, and the head of the queues of these products, in one go: all in the one order. */
export function selectQueuesForUpdate(
  tx: Transaction,
  orderId: string,
  productIds: readonly number[],
  limit: number,
): Promise<WaitingRow[]> {
  return many<WaitingRow>(
    tx,
    'backorders.lock_queues',
    `select id, product_id as "productId", order_id as "orderId", waiting
     from backorders
     where waiting > 0 and (order_id = $1 or id in (
       select id from backorders where product_id = any ($2::int[]) and waiting > 0 order by product_id, id limit $3))
     order by product_id, id for no key update`,
    [orderId, productIds, limit],
  );
}

/** Products that any backorder waits for. */
export async function selectWaitedFor(on: Queryable): Promise<number[]> {
  const found = await many<{ productId: number }>(
    on,
    'backorders.products_waited_for',
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
    'backorders.waiting_units',
    `select product_id as "productId", sum(waiting) as units
     from backorders where product_id = any ($1::int[]) and waiting > 0 group by product_id`,
    [productIds],
  );
}

/** Units that still wait for customers, over all of their open orders. */
export function selectWaitingOfCustomers(
  on: Queryable,
  customerIds: readonly string[],
): Promise<{ customerId: string; units: number }[]> {
  return many(
    on,
    'backorders.waiting_of_customers',
    `select o.customer_id as "customerId", sum(b.waiting) as units
     from orders o join backorders b on b.order_id = o.id and b.waiting > 0
     where o.customer_id = any ($1::text[]) and o.fulfilment = 'backorder' and o.status in ${literals(OPEN_ORDER_STATUSES)}
     group by o.customer_id`,
    [customerIds],
  );
}

export function reduceWaiting(
  tx: Transaction,
  taken: readonly { id: number; quantity: number }[],
): Promise<number> {
  return execute(
    tx,
    'backorders.reduce_waiting',
    `update backorders b set waiting = b.waiting - d.quantity
     from unnest($1::bigint[], $2::int[]) as d (id, quantity) where b.id = d.id`,
    [taken.map((t) => t.id), taken.map((t) => t.quantity)],
  );
}

/** Waiting backorders of an order, locked in the one order. */
export function selectOrderBackordersForUpdate(tx: Transaction, orderId: string): Promise<WaitingRow[]> {
  return many<WaitingRow>(
    tx,
    'backorders.lock_of_order',
    `select id, product_id as "productId", order_id as "orderId", waiting
     from backorders where order_id = $1 and waiting > 0 order by product_id, id for no key update`,
    [orderId],
  );
}

/** Whether an order's units have waited for stock until its time. */
export async function existsDue(on: Queryable, orderId: string): Promise<boolean> {
  const { due } = await one<{ due: boolean }>(
    on,
    'backorders.exists_due',
    'select exists (select from orders where id = $1 and backorder_until <= clock_timestamp()) as due',
    [orderId],
  );
  return due;
}

/** The highest reservation number of each order that has a reservation. */
export function selectLastSeqs(
  on: Queryable,
  orderIds: readonly string[],
): Promise<{ orderId: string; seq: number }[]> {
  return many(
    on,
    'backorders.last_seqs',
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
    'backorders.reservation_seconds',
    'select id as "orderId", reservation_seconds as "holdSeconds" from orders where id = any ($1::uuid[])',
    [orderIds],
  );
}
