import { maybeOne, type Queryable } from '../../platform/database/database';
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

/** Events after a number, in order, with the status they led to: both from one snapshot. */
export function selectOrderEvents(
  on: Queryable,
  orderId: string,
  page: { after: number; limit: number; offset: number },
): Promise<EventsRow | undefined> {
  return maybeOne<EventsRow>(
    on,
    'orders.events',
    `select o.status, coalesce((
       select json_agg(case
         when e.actor is null then json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'data', e.data)
         when e.on_behalf_of is null
           then json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'actor', e.actor, 'data', e.data)
         else json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'actor', e.actor,
           'onBehalfOf', e.on_behalf_of, 'data', e.data) end order by e.seq)
       from (select * from order_events where order_id = o.id and seq > $2 order by seq limit $3 offset $4) e), '[]') as items
     from orders o where o.id = $1`,
    [orderId, page.after, page.limit, page.offset],
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
