import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import { entriesOf } from '../audit/entries-sql';
import type { NewEvent, OrderStatus } from './types';
import { listOf } from '../../platform/database/list-parameter';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from './types';

/**
 * Events of one order get consecutive numbers under its row lock. Order rows are locked by id, and last of all.
 * Orders that do not exist get none. What somebody did to an order that is not their own goes into the audit log in the same statement:
 * those that place orders send nothing after it. Returns the orders that were erased before.
 */
export function insertEvents(tx: Transaction, events: readonly NewEvent[]): Promise<{ orderId: string }[]> {
  return many<{ orderId: string }>(
    tx,
    'orders.insert_events',
    `with added as (
       select t.order_id, t.type, t.data, t.actor, t.request_id, t.n, row_number() over (partition by t.order_id order by t.n) as place
       from unnest($1::uuid[], $2::text[], $3::jsonb[], $4::text[], $5::text[]) with ordinality
         as t (order_id, type, data, actor, request_id, n)
     ), locked as (
       select id from orders where id in (select order_id from added) order by id for no key update
     ), bumped as (
       update orders o set event_seq = o.event_seq + c.count, updated_at = clock_timestamp()
       from (select order_id, count(*)::int as count from added group by order_id) c, locked l
       where o.id = l.id and c.order_id = o.id
       returning o.id, o.event_seq - c.count as base, o.owner, o.customer_id, o.erased_at
     ), numbered as (
       select a.*, b.base + a.place as seq, b.owner,
              case when a.actor <> 'user:' || b.customer_id then b.customer_id end as on_behalf_of
       from added a join bumped b on b.id = a.order_id
     ), of_others as (
       select actor, on_behalf_of, 'order.' || type as action, 'order' as subject_type, order_id::text as subject_id,
              jsonb_build_object('event', seq) as after, request_id
       from numbered where on_behalf_of is not null and (actor like 'user:%' or actor <> owner)
     ), ${entriesOf('of_others', '$6::text')}, events as (
       insert into order_events (order_id, seq, type, data, actor, on_behalf_of)
       select order_id, seq, type, data, actor, on_behalf_of from numbered
     )
     select id as "orderId" from bumped where erased_at is not null`,
    [
      events.map((e) => e.orderId),
      events.map((e) => e.type),
      events.map((e) => JSON.stringify(e.data ?? {})),
      events.map((e) => e.actor ?? null),
      events.map((e) => e.requestId ?? tx.origin?.requestId ?? null),
      tx.origin?.address ?? null,
    ],
  );
}

/** One row per order and product: callers fold. */
export interface ItemDelta {
  orderId: string;
  productId: number;
  reserved: number;
  backordered: number;
  fulfilled: number;
  cancelled: number;
}

export function updateItems(tx: Transaction, deltas: readonly ItemDelta[]): Promise<number> {
  return execute(
    tx,
    'orders.update_items',
    `update order_items i
     set reserved_quantity = i.reserved_quantity + d.reserved,
         backordered_quantity = i.backordered_quantity + d.backordered,
         fulfilled_quantity = i.fulfilled_quantity + d.fulfilled,
         cancelled_quantity = i.cancelled_quantity + d.cancelled
     from unnest(${listOf(1, 'uuid')}, $2::int[], $3::int[], $4::int[], $5::int[], $6::int[])
       as d (order_id, product_id, reserved, backordered, fulfilled, cancelled)
     where i.order_id = d.order_id and i.product_id = d.product_id`,
    [
      deltas.map((d) => d.orderId),
      deltas.map((d) => d.productId),
      deltas.map((d) => d.reserved),
      deltas.map((d) => d.backordered),
      deltas.map((d) => d.fulfilled),
      deltas.map((d) => d.cancelled),
    ],
  );
}

/**
 * Ends the open orders among these whose every unit is fulfilled or cancelled, and their reviews; returns those that ended.
 * Order rows are locked first, so that the units are read after any other transaction on the same order.
 */
export async function endSettledOrders(
  tx: Transaction,
  orderIds: readonly string[],
  /** `endAs` for orders that are in one of `from`, `otherwise` for the rest. */
  end: { endAs: OrderStatus; from: readonly OrderStatus[]; otherwise: OrderStatus },
  failure: { code: string; detail: string } | null,
): Promise<{ orderId: string; status: OrderStatus; endedReview: boolean }[]> {
  await selectForUpdate(tx, orderIds);
  return many(
    tx,
    'orders.end_settled',
    `update orders o
     set status = case when u.fulfilled > 0 then 'fulfilled' when o.status = any ($5::text[]) then $2 else $6 end,
         failure_code = case when u.fulfilled > 0 then o.failure_code else coalesce($3, o.failure_code) end,
         failure_detail = case when u.fulfilled > 0 then o.failure_detail else coalesce($4, o.failure_detail) end,
         review_status = case when o.review_status = 'open' then 'ended' else o.review_status end,
         updated_at = clock_timestamp()
     from (select order_id, sum(reserved_quantity + backordered_quantity) as open, sum(fulfilled_quantity) as fulfilled
           from order_items where order_id = any (${listOf(1, 'uuid')}) group by order_id) u
     where o.id = u.order_id and u.open = 0 and o.status in ${literals(OPEN_ORDER_STATUSES)}
     returning o.id as "orderId", o.status, old.review_status is not distinct from 'open' as "endedReview"`,
    [orderIds, end.endAs, failure?.code ?? null, failure?.detail ?? null, end.from, end.otherwise],
  );
}

export function selectForUpdate(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<{ id: string; status: OrderStatus }[]> {
  return many(
    tx,
    'orders.lock',
    `select id, status from orders where id = any (${listOf(1, 'uuid')}) order by id for no key update`,
    [orderIds],
  );
}

/** Moves orders from one status to the next; the others are left alone. Returns those that moved. */
export async function updateStatus(
  tx: Transaction,
  orderIds: readonly string[],
  from: readonly OrderStatus[],
  to: OrderStatus,
): Promise<string[]> {
  await selectForUpdate(tx, orderIds);
  const moved = await many<{ id: string }>(
    tx,
    'orders.update_status',
    `update orders set status = $3, updated_at = clock_timestamp()
     where id = any (${listOf(1, 'uuid')}) and status = any (${listOf(2, 'text')}) returning id`,
    [orderIds, from, to],
  );
  return moved.map((row) => row.id);
}

/** As if they had never been looked at. One that somebody works on moves anyway, and is left. */
export function updateUnchecked(on: Queryable, orderIds: readonly string[]): Promise<number> {
  return execute(
    on,
    'orders.update_unchecked',
    `update orders set checked_at = null
     where id in (select id from orders where id = any ($1::uuid[]) order by id for no key update skip locked)`,
    [orderIds],
  );
}

export function updateChecked(tx: Transaction, orderIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'orders.update_checked',
    'update orders set checked_at = clock_timestamp() where id = any ($1::uuid[])',
    [orderIds],
  );
}

/** No payment of these ended orders is authorised, or may become so. */
export function updateMoneyClosed(tx: Transaction, orderIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'orders.update_money_closed',
    'update orders set money_closed_at = clock_timestamp() where id = any ($1::uuid[])',
    [orderIds],
  );
}

/** Of these those that were erased. */
export function selectErased(tx: Transaction, orderIds: readonly string[]): Promise<{ orderId: string }[]> {
  return many<{ orderId: string }>(
    tx,
    'orders.erased',
    'select id as "orderId" from orders where id = any ($1::uuid[]) and erased_at is not null',
    [orderIds],
  );
}
