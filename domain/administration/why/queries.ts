import { many, maybeOne, type Queryable } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { utc } from '../../../platform/database/pages';
import { OPEN_ORDER_STATUSES } from '../../orders/types';
import type { PastEvent } from './types';

/** The latest events of an order, oldest first. */
export function selectLatestEvents(on: Queryable, orderId: string, limit: number): Promise<PastEvent[]> {
  return many<PastEvent>(
    on,
    'why.events_of_order',
    `select at, type, actor, data from (
       select seq, ${utc('at')} as at, type, actor, data from order_events where order_id = $1 order by seq desc limit $2) latest
     order by seq`,
    [orderId, limit],
  );
}

export interface PaymentFacts {
  orderId: string;
  reservationId: string;
  gateway: string;
  gatewayRef: string | null;
  tries: number;
  firstAskedAt: string | null;
  /** Another payment took its place. */
  serves: boolean;
}

export function selectPaymentFacts(on: Queryable, paymentId: string): Promise<PaymentFacts | undefined> {
  return maybeOne<PaymentFacts>(
    on,
    'why.payment',
    `select order_id as "orderId", reservation_id as "reservationId", gateway, gateway_ref as "gatewayRef", tries,
       ${utc('first_asked_at')} as "firstAskedAt", serves
     from payments where id = $1`,
    [paymentId],
  );
}

export interface KeepingOrder {
  orderId: string;
  status: string;
  reserved: number;
  waiting: number;
}

/** Open orders that keep units of a product or wait for some, those first that keep most. */
export function selectKeepingOrders(on: Queryable, sku: string, limit: number): Promise<KeepingOrder[]> {
  return many<KeepingOrder>(
    on,
    'why.orders_of_sku',
    `select o.id as "orderId", o.status, i.reserved_quantity as reserved, i.backordered_quantity as waiting
     from products p join order_items i on i.product_id = p.id join orders o on o.id = i.order_id
     where p.sku = $1 and o.status in ${literals(OPEN_ORDER_STATUSES)} and i.reserved_quantity + i.backordered_quantity > 0
     order by i.reserved_quantity + i.backordered_quantity desc, o.id limit $2`,
    [sku, limit],
  );
}

export interface PlaceFacts {
  location: string;
  open: boolean;
  onHand: number;
  reserved: number;
  safetyStock: number;
  available: number;
  threshold: number;
  incoming: number;
  /** On quality hold; among the reserved. */
  held: number;
}

export function selectPlaces(on: Queryable, sku: string): Promise<PlaceFacts[]> {
  return many<PlaceFacts>(
    on,
    'why.places_of_sku',
    `select w.code as location, w.active as open, s.on_hand as "onHand", s.reserved, s.safety_stock as "safetyStock", s.available,
       s.low_stock_threshold as threshold,
       coalesce((select sum(t.open) from transfers t
         where t.product_id = s.product_id and t.target_id = s.warehouse_id and t.status = 'in_transit'), 0) as incoming,
       coalesce((select sum(h.open) from quality_holds h
         where h.product_id = s.product_id and h.warehouse_id = s.warehouse_id and h.open > 0), 0) as held
     from products p join stock s on s.product_id = p.id join warehouses w on w.id = s.warehouse_id
     where p.sku = $1 order by w.code`,
    [sku],
  );
}

export interface ProductFacts {
  sku: string;
  name: string;
  active: boolean;
  waiting: number;
}

export function selectProductFacts(on: Queryable, sku: string): Promise<ProductFacts | undefined> {
  return maybeOne<ProductFacts>(
    on,
    'why.product',
    `select p.sku, p.name, p.active,
       coalesce((select sum(b.waiting) from backorders b where b.product_id = p.id and b.waiting > 0), 0) as waiting
     from products p where p.sku = $1`,
    [sku],
  );
}
