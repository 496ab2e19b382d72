import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../orders/types';
import {
  OPEN_CAPTURE_STATUSES,
  OPEN_DISPUTE_STATUSES,
  OPEN_PAYMENT_STATUSES,
  OPEN_REFUND_STATUSES,
} from '../payments/types';
import { AWAITED_RETURN_STATUSES } from '../warehousing/returns/types';
import type { Erasure } from './types';

const ERASURE = `user_id as "userId", requested_at as "requestedAt", requested_by as "requestedBy", orders, finished_at as "finishedAt"`;

/** Something of the order \`o\` is still to be done: its goods, its money, what comes back, what a person is asked for. */
const UNFINISHED = `(o.status in ${literals(OPEN_ORDER_STATUSES)}
  or exists (select from payments p where p.order_id = o.id and p.status in ${literals([...OPEN_PAYMENT_STATUSES, 'authorized'])})
  or exists (select from captures c where c.order_id = o.id and c.status in ${literals(OPEN_CAPTURE_STATUSES)})
  or exists (select from refunds r where r.order_id = o.id and r.status in ${literals(OPEN_REFUND_STATUSES)})
  or exists (select from disputes d where d.order_id = o.id and d.status in ${literals(OPEN_DISPUTE_STATUSES)})
  or exists (select from customer_returns t where t.order_id = o.id and t.status in ${literals(AWAITED_RETURN_STATUSES)})
  or exists (select from alerts a where a.order_id = o.id and a.status <> 'resolved'))`;

/** Orders of a customer of which something is still to be done, the newest first. */
export function selectUnfinished(
  on: Queryable,
  customerId: string,
  limit: number,
): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'erasure.unfinished',
    `select o.id from orders o where o.customer_id = $1 and o.erased_at is null and ${UNFINISHED}
     order by o.created_at desc, o.id desc limit $2`,
    [customerId, limit],
  );
}

/** Orders of a customer that are to be erased and of which nothing is to be done. */
export function selectErasable(on: Queryable, customerId: string, limit: number): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'erasure.erasable',
    `select o.id from orders o where o.customer_id = $1 and o.erased_at is null and not ${UNFINISHED}
     order by o.created_at, o.id limit $2`,
    [customerId, limit],
  );
}

/** Whether a customer has orders that are not erased, open or not. */
export async function hasOrdersLeft(on: Queryable, customerId: string): Promise<boolean> {
  const left = await maybeOne<{ id: string }>(
    on,
    'erasure.left',
    'select id from orders where customer_id = $1 and erased_at is null limit 1',
    [customerId],
  );
  return left !== undefined;
}

/** Orders, `theirs`, and what was made of them: by these ids responses about them are known. */
const IDS = `select id from theirs
     union all select r.id from refunds r join theirs o on o.id = r.order_id
     union all select p.id from payments p join theirs o on o.id = p.order_id
     union all select c.id from captures c join theirs o on o.id = c.order_id
     union all select t.id from customer_returns t join theirs o on o.id = t.order_id
     union all select n.id from order_notes n join theirs o on o.id = n.order_id`;

export function selectIdsOf(on: Queryable, customerId: string): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'erasure.ids',
    `with theirs as (select id from orders where customer_id = $1) ${IDS}`,
    [customerId],
  );
}

export function selectIdsOfOrder(on: Queryable, orderId: string): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'erasure.ids_of_order',
    `with theirs as (select id from orders where id = $1) ${IDS}`,
    [orderId],
  );
}

/** An order that was erased; undefined: it was not. */
export function findErasedOrder(
  on: Queryable,
  orderId: string,
): Promise<{ isUnfinished: boolean } | undefined> {
  return maybeOne<{ isUnfinished: boolean }>(
    on,
    'erasure.erased_order',
    `select ${UNFINISHED} as "isUnfinished" from orders o where o.id = $1 and o.erased_at is not null`,
    [orderId],
  );
}

export function findErasure(on: Queryable, userId: string): Promise<Erasure | undefined> {
  return maybeOne<Erasure>(on, 'erasures.find', `select ${ERASURE} from erasures where user_id = $1`, [
    userId,
  ]);
}

export async function insertErasure(tx: Transaction, userId: string, requestedBy: string): Promise<void> {
  await execute(tx, 'erasures.insert', 'insert into erasures (user_id, requested_by) values ($1, $2)', [
    userId,
    requestedBy,
  ]);
}

export async function countErased(tx: Transaction, userId: string, orders: number): Promise<void> {
  await execute(tx, 'erasures.count', 'update erasures set orders = orders + $2 where user_id = $1', [
    userId,
    orders,
  ]);
}

/** Seconds since it was asked for; null: it is finished, or there is none. */
export async function secondsSince(on: Queryable, userId: string): Promise<number | null> {
  const found = await maybeOne<{ seconds: number }>(
    on,
    'erasures.since',
    `select extract(epoch from clock_timestamp() - requested_at)::float8 as seconds from erasures
     where user_id = $1 and finished_at is null`,
    [userId],
  );
  return found?.seconds ?? null;
}

export async function setFinished(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'erasures.finish',
    'update erasures set finished_at = clock_timestamp() where user_id = $1 and finished_at is null',
    [userId],
  );
}
