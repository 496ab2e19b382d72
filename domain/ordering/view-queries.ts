import type { Knex } from 'knex';
import { validate } from 'uuid';
import { many, type Database, type Queryable } from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import { literals } from '../../platform/database/literals';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../platform/database/pages';
import { selectProductId } from '../catalog/product-ids';
import type { AttentionView } from '../orders/attention';
import { LEFT_SHIPMENT_STATUSES, type ShipmentView } from '../fulfilment/types';
import type { AttentionKind, Fulfilment, OrderStatus, ReviewStatus } from '../orders/types';
import type { DisputeView, PaymentView, RefundView } from '../payments/view-types';
import { DISPUTE_JSON, PAYMENT_JSON, REFUND_JSON } from '../payments/view-sql';
import type { ReservationStatus } from '../stock/reservations/types';
import type { Viewer } from '../identity/rules';
import type { ShipTo, Shortage } from '../stock/sourcing/types';
import type { AmendmentRow } from './amendments/views';
import { AMENDMENT_JSON } from './amendments/view-sql';
import type { OpenCutView, OrderItemView, ReservationView, ReviewView } from './types';

/** What is still reserved in a warehouse for an item, and what was picked up there: not what was given back. */
const ALLOCATIONS = `
  select w.code, sum(l.open_quantity + coalesce(si.quantity, 0)) as quantity
  from reservations r
  join reservation_lines l on l.reservation_id = r.id and l.product_id = i.product_id
  join warehouses w on w.id = l.warehouse_id
  left join shipments s on s.reservation_id = r.id and s.warehouse_id = l.warehouse_id
    and s.status in ${literals(LEFT_SHIPMENT_STATUSES)}
  left join shipment_items si on si.shipment_id = s.id and si.product_id = l.product_id
  where r.order_id = o.id
  group by w.code having sum(l.open_quantity + coalesce(si.quantity, 0)) > 0`;

/** The whole order `o` in one row, so that what a client reads is from one snapshot. */
const ORDER = `
  o.id, o.status, o.customer_id as "customerId", o.fulfilment, o.currency, o.total_minor as "totalMinor",
  o.ship_to as "shipTo",
  o.failure_code as "failureCode", o.failure_detail as "failureDetail", o.failure_details as "failureDetails",
  o.cancel_reason as "cancelReason", o.shortages,
  case when o.review_status is not null
    then json_build_object('status', o.review_status, 'deadline', ${utc('o.review_until')}) end as review,
  ${utc('o.created_at')} as "createdAt", ${utc('o.updated_at')} as "updatedAt",
  ${utcMicros('o.created_at')} as "createdAtMicros",
  coalesce((select json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity, 'unitPriceMinor', i.unit_price_minor,
      'reservedQuantity', i.reserved_quantity, 'backorderedQuantity', i.backordered_quantity,
      'fulfilledQuantity', i.fulfilled_quantity, 'cancelledQuantity', i.cancelled_quantity,
      'allocations', coalesce((select json_agg(json_build_object('warehouse', a.code, 'quantity', a.quantity) order by a.code)
        from (${ALLOCATIONS}) a), '[]')) order by i.line)
    from order_items i where i.order_id = o.id), '[]') as items,
  coalesce((select json_agg(json_build_object('id', r.id, 'status', r.status, 'expiresAt', ${utc('r.expires_at')})
      order by r.seq)
    from reservations r where r.order_id = o.id), '[]') as reservations,
  coalesce((select json_agg(${PAYMENT_JSON} order by p.attempt) from payments p where p.order_id = o.id), '[]') as payments,
  coalesce((select json_agg(${REFUND_JSON} order by f.created_at, f.id)
    from refunds f where f.order_id = o.id), '[]') as refunds,
  coalesce((select json_agg(${DISPUTE_JSON} order by d.created_at, d.id)
    from disputes d where d.order_id = o.id), '[]') as disputes,
  coalesce((select json_agg(json_build_object('id', s.id, 'warehouse', w.code, 'status', s.status,
      'trackingNumber', s.tracking_number, 'leftAfterStopAt', ${utc('s.left_after_stop_at')},
      'items', coalesce((select json_agg(json_build_object('sku', si.sku, 'quantity', si.quantity) order by si.sku)
        from shipment_items si where si.shipment_id = s.id), '[]')) order by s.created_at, w.code)
    from shipments s join warehouses w on w.id = s.warehouse_id where s.order_id = o.id), '[]') as shipments,
  coalesce((select json_agg(c.cut order by c.since, c.request_id) from (
      select u.request_id, min(u.created_at) as since, json_build_object('requestId', u.request_id, 'since', ${utc('min(u.created_at)')},
        'reason', min(u.reason),
        'items', json_agg(json_build_object('sku', i.sku, 'quantity', u.quantity, 'cutQuantity', u.done) order by i.line)) as cut
      from order_cuts u join order_items i on i.order_id = u.order_id and i.product_id = u.product_id
      where u.order_id = o.id group by u.request_id having bool_or(u.state = 'open')) c), '[]') as "openCuts",
  coalesce((select json_agg(${AMENDMENT_JSON} order by a.created_at, a.id)
    from order_amendments a where a.order_id = o.id and a.state = 'open'), '[]') as "openAmendments",
  coalesce((select json_agg(json_build_object('kind', a.details->>'reason', 'about', a.details->>'about',
      'since', ${utc('a.raised_at')}, 'why', a.details->>'why', 'next', a.details->>'next') order by a.id)
    from alerts a where a.order_id = o.id and a.status <> 'resolved'), '[]') as attention`;

export interface OrderRow {
  id: string;
  status: OrderStatus;
  customerId: string;
  fulfilment: Fulfilment;
  currency: string;
  totalMinor: number;
  shipTo: ShipTo | null;
  failureCode: string | null;
  failureDetail: string | null;
  failureDetails: Readonly<Record<string, unknown>>;
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
  disputes: DisputeView[];
  review: ReviewView | null;
  shipments: ShipmentView[];
  openCuts: OpenCutView[];
  openAmendments: AmendmentRow[];
  attention: AttentionView[];
}

export function selectOrders(on: Queryable, orderIds: readonly string[]): Promise<OrderRow[]> {
  return many<OrderRow>(
    on,
    'ordering.views',
    `select ${ORDER} from orders o where o.id = any (${listOf(1, 'uuid')})`,
    [orderIds],
  );
}

export interface OrderFilter extends PageRequest {
  /** Whose orders; everybody's unless given. */
  viewer?: Viewer;
  status?: OrderStatus;
  /** `open`: those that can be decided about, since money of them is authorised. */
  review?: ReviewStatus;
  customerId?: string;
  sku?: string;
  /** Made at this time or later. */
  from?: Date;
  /** Made before this time. */
  to?: Date;
  /** Those that need a person for this reason; `any`: for whatever reason. */
  attention?: AttentionKind | 'any';
  /** Those that staff gave this tag. */
  tag?: string;
  /** Those with a note that has all of these words, or with this tracking number, or to which the thing with this id belongs. */
  text?: string;
}

/** Newest first; one more than asked for, to tell whether there are more. */
export async function selectOrderPage(db: Database, filter: OrderFilter): Promise<OrderRow[]> {
  const query = db.builder('orders as o').select(db.builder.raw(ORDER));
  if (filter.status !== undefined) void query.where('o.status', filter.status);
  if (filter.review !== undefined) void query.where('o.review_status', filter.review);
  if (filter.review === 'open') void query.whereNotNull('o.review_until');
  if (filter.customerId !== undefined) void query.where('o.customer_id', filter.customerId);
  if (filter.from !== undefined) void query.where('o.created_at', '>=', filter.from);
  if (filter.to !== undefined) void query.where('o.created_at', '<', filter.to);
  if (filter.viewer) seenBy(query, filter.viewer);
  if (filter.sku !== undefined) {
    void query.whereRaw('o.id in (select i.order_id from order_items i where i.product_id = ?)', [
      (await selectProductId(db, filter.sku)) ?? null,
    ]);
  }
  noted(query, filter);
  return db.list<OrderRow>(newestFirst(query, { time: 'o.created_at', id: 'o.id' }, filter));
}

/** By what only staff look for. */
function noted(query: Knex.QueryBuilder, { attention, tag, text }: OrderFilter): void {
  if (attention !== undefined) {
    const needs = `o.id in (select a.order_id from alerts a where a.order_id is not null and a.status <> 'resolved'`;
    if (attention === 'any') void query.whereRaw(`${needs})`);
    else void query.whereRaw(`${needs} and a.details ->> 'reason' = ?)`, [attention]);
  }
  if (tag !== undefined)
    void query.whereRaw(`o.id in (select order_id from order_tags where tag = ?)`, [tag]);
  if (text !== undefined) {
    const id = validate(text) ? text : null;
    void query.whereRaw(`o.id in (${FOUND_BY_TEXT})`, [text, text, id, id, id, id, id]);
  }
}

/** Orders by their notes, the labels of their parcels, and the ids of what belongs to them: each by an index of its own. */
const FOUND_BY_TEXT = `
  select n.order_id from order_notes n where to_tsvector('simple', n.text) @@ plainto_tsquery('simple', ?)
  union select s.order_id from shipments s where s.tracking_number = ?
  union select cast(? as uuid)
  union select r.order_id from reservations r where r.id = ? and r.order_id is not null
  union select p.order_id from payments p where p.id = ?
  union select f.order_id from refunds f where f.id = ?
  union select s.order_id from shipments s where s.id = ?`;

/** Only orders that somebody sees: those of its customer, or those that these owners placed. */
function seenBy(query: Knex.QueryBuilder, { owners, customerId }: Viewer): void {
  if (owners === null) return;
  if (customerId !== null) void query.where('o.customer_id', customerId);
  else void query.whereIn('o.owner', owners);
}
