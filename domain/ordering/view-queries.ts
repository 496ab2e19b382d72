import { maybeOne, many, type Database, type Queryable } from '../../platform/database/database';
import type { ReservationStatus } from '../stock/reservations/types';
import type { Shortage, SourcingDecision } from '../stock/sourcing/types';
import type {
  Fulfilment,
  OrderEvent,
  OrderInput,
  OrderItemView,
  OrderStatus,
  PaymentView,
  RefundView,
  ReservationView,
  ShipmentView,
} from '../orders/types';
import { listOf } from '../../platform/database/list-parameter';

const utc = (time: string) => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Of a payment `p`. Null members are dropped by `json_strip_nulls`. */
const PAYMENT = `json_strip_nulls(json_build_object('id', p.id, 'status', p.status, 'amountMinor', p.amount_minor,
  'refundedMinor', p.refunded_minor, 'currency', p.currency, 'declineCode', p.decline_code, 'at', ${utc('p.created_at')}))`;

/** What is still held in a warehouse for an item, and what was picked up there: not what was let go again. */
const ALLOCATIONS = `
  select w.code, sum(l.open_quantity + coalesce(si.quantity, 0)) as quantity
  from reservations r
  join reservation_lines l on l.reservation_id = r.id and l.product_id = i.product_id
  join warehouses w on w.id = l.warehouse_id
  left join shipments s on s.reservation_id = r.id and s.warehouse_id = l.warehouse_id
    and s.status in ('picked_up', 'delivered')
  left join shipment_items si on si.shipment_id = s.id and si.product_id = l.product_id
  where r.order_id = o.id
  group by w.code having sum(l.open_quantity + coalesce(si.quantity, 0)) > 0`;

/** The whole order `o` in one row, so that what a client reads is from one snapshot. */
const ORDER = `
  o.id, o.status, o.customer_id as "customerId", o.fulfilment, o.currency, o.total_minor as "totalMinor",
  o.failure_code as "failureCode", o.failure_detail as "failureDetail", o.cancel_reason as "cancelReason", o.shortages,
  ${utc('o.created_at')} as "createdAt", ${utc('o.updated_at')} as "updatedAt",
  to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAtMicros",
  coalesce((select json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity, 'unitPriceMinor', i.unit_price_minor,
      'reservedQuantity', i.reserved_quantity, 'backorderedQuantity', i.backordered_quantity,
      'fulfilledQuantity', i.fulfilled_quantity, 'cancelledQuantity', i.cancelled_quantity,
      'allocations', coalesce((select json_agg(json_build_object('warehouse', a.code, 'quantity', a.quantity) order by a.code)
        from (${ALLOCATIONS}) a), '[]')) order by i.line)
    from order_items i where i.order_id = o.id), '[]') as items,
  coalesce((select json_agg(json_build_object('id', r.id, 'status', r.status, 'expiresAt', ${utc('r.expires_at')})
      order by r.seq)
    from reservations r where r.order_id = o.id), '[]') as reservations,
  coalesce((select json_agg(${PAYMENT} order by p.attempt) from payments p where p.order_id = o.id), '[]') as payments,
  coalesce((select json_agg(json_build_object('id', f.id, 'paymentId', f.payment_id, 'amountMinor', f.amount_minor,
      'reason', f.reason, 'status', f.status, 'at', ${utc('f.created_at')}) order by f.created_at, f.id)
    from refunds f where f.order_id = o.id), '[]') as refunds,
  coalesce((select json_agg(json_build_object('id', s.id, 'warehouse', w.code, 'status', s.status,
      'trackingNumber', s.tracking_number,
      'items', coalesce((select json_agg(json_build_object('sku', si.sku, 'quantity', si.quantity) order by si.sku)
        from shipment_items si where si.shipment_id = s.id), '[]')) order by s.created_at, w.code)
    from shipments s join warehouses w on w.id = s.warehouse_id where s.order_id = o.id), '[]') as shipments`;

export interface OrderRow {
  id: string;
  status: OrderStatus;
  customerId: string;
  fulfilment: Fulfilment;
  currency: string;
  totalMinor: number;
  failureCode: string | null;
  failureDetail: string | null;
  cancelReason: string | null;
  shortages: Shortage[];
  createdAt: string;
  updatedAt: string;
  /** With the microseconds that the list is sorted by. */
  createdAtMicros: string;
  items: Omit<OrderItemView, 'status'>[];
  reservations: { id: string; status: ReservationStatus; expiresAt: ReservationView['expiresAt'] }[];
  payments: PaymentView[];
  refunds: RefundView[];
  shipments: ShipmentView[];
}

export function selectOrders(on: Queryable, orderIds: readonly string[]): Promise<OrderRow[]> {
  return many<OrderRow>(
    on,
    'orders.views',
    `select ${ORDER} from orders o where o.id = any (${listOf(1, 'uuid')})`,
    [orderIds],
  );
}

/** Where a page begins: right after the order that was made then and has this id. */
export interface OrderPosition {
  createdAtMicros: string;
  id: string;
}

export interface OrderFilter {
  status?: OrderStatus;
  customerId?: string;
  sku?: string;
  /** Made at this time or later. */
  from?: Date;
  /** Made before this time. */
  to?: Date;
  after?: OrderPosition;
  limit: number;
  offset: number;
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectOrderPage(db: Database, filter: OrderFilter): Promise<OrderRow[]> {
  const query = db
    .builder('orders as o')
    .select(db.builder.raw(ORDER))
    .orderBy([
      { column: 'o.created_at', order: 'desc' },
      { column: 'o.id', order: 'desc' },
    ])
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.status !== undefined) void query.where('o.status', filter.status);
  if (filter.customerId !== undefined) void query.where('o.customer_id', filter.customerId);
  if (filter.from !== undefined) void query.where('o.created_at', '>=', filter.from);
  if (filter.to !== undefined) void query.where('o.created_at', '<', filter.to);
  if (filter.sku !== undefined) {
    void query.whereRaw(
      `o.id in (select i.order_id from order_items i join products p on p.id = i.product_id where p.sku = ?)`,
      [filter.sku],
    );
  }
  if (filter.after !== undefined) {
    void query.whereRaw('(o.created_at, o.id) < (?::timestamptz, ?::uuid)', [
      filter.after.createdAtMicros,
      filter.after.id,
    ]);
  }
  return db.list<OrderRow>(query);
}

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
       select json_agg(json_build_object('seq', e.seq, 'type', e.type, 'at', ${utc('e.at')}, 'data', e.data) order by e.seq)
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

export function selectInput(
  on: Queryable,
  orderId: string,
): Promise<{ status: OrderStatus; input: OrderInput } | undefined> {
  return maybeOne(on, 'orders.input', 'select status, input from orders where id = $1', [orderId]);
}

export async function selectPaymentOfUpdate(
  on: Queryable,
  orderId: string,
  updateId: string,
): Promise<PaymentView | undefined> {
  const row = await maybeOne<{ payment: PaymentView }>(
    on,
    'orders.payment_of_update',
    `select ${PAYMENT} as payment from payments p where p.order_id = $1 and p.update_id = $2`,
    [orderId, updateId],
  );
  return row?.payment;
}
