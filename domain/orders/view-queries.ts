import { many, maybeOne, type Queryable } from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import { utc } from '../../platform/database/pages';
import type { SourcingDecision } from '../stock/sourcing/types';
import type { OrderEvent, OrderInput, OrderStatus } from './types';

export interface StatusRow {
  id: string;
  status: OrderStatus;
  updatedAt: string;
}

export function selectOrderStatus(on: Queryable, orderId: string): Promise<StatusRow | undefined> {
  return maybeOne<StatusRow>(
    on,
    'orders.status',
    `select o.id, o.status, ${utc('o.updated_at')} as "updatedAt" from orders o where o.id = $1`,
    [orderId],
  );
}

export interface EventsRow {
  status: OrderStatus;
  items: OrderEvent[];
}

/** SQL of an array of the events that `page` selects as `e`, in their order. */
function eventsOf(page: string): string {
  return `coalesce((
       select json_agg(case
         when e.actor is null then json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'data', e.data)
         when e.on_behalf_of is null
           then json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'actor', e.actor, 'data', e.data)
         else json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'actor', e.actor,
           'onBehalfOf', e.on_behalf_of, 'data', e.data) end order by e.seq)
       from (${page}) e), '[]')`;
}

/** Events after a number, in order, with the status they led to: both from one snapshot. */
export function selectOrderEvents(
  on: Queryable,
  orderId: string,
  page: { after: number; limit: number; offset: number },
): Promise<EventsRow | undefined> {
  return maybeOne<EventsRow>(
    on,
    'orders.events',
    `select o.status, ${eventsOf('select * from order_events where order_id = o.id and seq > $2 order by seq limit $3 offset $4')} as items
     from orders o where o.id = $1`,
    [orderId, page.after, page.limit, page.offset],
  );
}

/** The same of several orders, each after a number of its own, at most `limit` of each; `n` counts what was asked for from 1 on. */
export function selectEventsOfOrders(
  on: Queryable,
  wanted: readonly { orderId: string; after: number }[],
  limit: number,
): Promise<(EventsRow & { n: number; newest: number })[]> {
  return many<EventsRow & { n: number; newest: number }>(
    on,
    'orders.events_of_orders',
    `select w.n::int as n, o.status, coalesce((select max(seq) from order_events where order_id = o.id), 0) as newest,
       ${eventsOf('select * from order_events where order_id = o.id and seq > w.after order by seq limit $3')} as items
     from unnest(${listOf(1, 'uuid')}, $2::int[]) with ordinality as w (id, after, n) join orders o on o.id = w.id`,
    [wanted.map(({ orderId }) => orderId), wanted.map(({ after }) => after), limit],
  );
}

export function selectSourcing(
  on: Queryable,
  orderId: string,
): Promise<{ sourcing: SourcingDecision[] } | undefined> {
  return maybeOne(on, 'orders.sourcing', 'select sourcing from orders where id = $1', [orderId]);
}

/** What the order's saga was started with. */
export function selectInput(
  on: Queryable,
  orderId: string,
): Promise<{ status: OrderStatus; input: OrderInput } | undefined> {
  return maybeOne(on, 'orders.input', 'select status, input from orders where id = $1', [orderId]);
}
