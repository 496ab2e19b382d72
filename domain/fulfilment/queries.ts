import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import { literals } from '../../platform/database/literals';
import { notPutOff, settledFailures, type SettledFailure } from '../stock/alerts/put-off-sql';
import type { Work } from '../stock/alerts/types';
import type { NamedProduct } from '../stock/tracking/types';
import {
  BOOKING_WORK,
  STOPPED_SHIPMENT_STATUSES,
  UNBOOKED_SHIPMENT_STATUSES,
  type CarrierEvent,
  type ClaimedShipment,
  type ShipmentStatus,
} from './types';

/** Condition on a shipment `s`: no failure puts its booking off. */
const NOT_PUT_OFF = BOOKING_WORK.map((work) => notPutOff(work, 's.id')).join(' and ');

/**
 * Condition on a shipment `s`: nothing that is in it, as far as that is known, is blocked. While a quality hold of its place awaits
 * units, which of them are good is not decided; units that were packed and then recalled, put on hold or expired are to be packed anew.
 */
const NOT_BLOCKED = `not exists (
    select from shipment_items bi join quality_holds bh on bh.product_id = bi.product_id and bh.warehouse_id = s.warehouse_id and bh.awaited > 0
    where bi.shipment_id = s.id)
  and not exists (
    select from packed_units bu left join lots bl on bl.id = bu.lot_id left join product_lots bm on bm.id = bl.master_id
    left join serials bs on bs.id = bu.serial_id
    where bu.shipment_id = s.id and (bs.hold_id is not null or bm.recalled_at is not null or bm.expires_on < today_utc()
      or bl.held > 0 and bl.quantity - bl.held < (select sum(bo.quantity) from packed_units bo where bo.lot_id = bl.id)))`;

export interface ShipmentRow {
  shipmentId: string;
  orderId: string;
  reservationId: string;
  warehouseId: number;
  /** Its code. */
  warehouse: string;
  carrier: string;
  status: ShipmentStatus;
  trackingNumber: string | null;
  /** The carrier did not stop it: it is not asked again, except by a new request to cancel. */
  stopRefused: boolean;
  /** The carrier picked it up although it was stopped. */
  leftAfterStop: boolean;
  /** And has delivered it. */
  deliveredAfterStop: boolean;
}

/** A shipment with what is in it. */
export interface FilledShipment extends ShipmentRow {
  items: { productId: number; sku: string; quantity: number }[];
}

export interface NewShipment {
  shipmentId: string;
  orderId: string;
  reservationId: string;
  warehouseId: number;
  carrier: string;
  generation: number;
}

export interface NewShipmentItem {
  shipmentId: string;
  productId: number;
  quantity: number;
}

/**
 * Writes shipments with their items; those that exist are left alone. While their order is being amended they are held like those that
 * existed when that began: an amendment begins, and ends, under the locks of the order's reservations, which the caller has. Returns the
 * new ones.
 */
export function insertShipments(
  tx: Transaction,
  shipments: readonly NewShipment[],
  items: readonly NewShipmentItem[],
): Promise<{ shipmentId: string; orderId: string; warehouse: string }[]> {
  return many(
    tx,
    'fulfilment.insert_shipments',
    `with made as (
       insert into shipments (id, order_id, reservation_id, warehouse_id, carrier, generation, held_by)
       select s.*, (select a.id from order_amendments a where a.order_id = s.of_order and a.stage is not null)
       from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $9::int[])
         as s (id, of_order, reservation_id, warehouse_id, carrier, generation)
       on conflict do nothing
       returning id, order_id, warehouse_id
     ), packed as (
       insert into shipment_items (shipment_id, product_id, sku, quantity)
       select i.shipment_id, i.product_id, p.sku, i.quantity
       from unnest($6::uuid[], $7::int[], $8::int[]) as i (shipment_id, product_id, quantity)
       join made m on m.id = i.shipment_id join products p on p.id = i.product_id
     )
     select m.id as "shipmentId", m.order_id as "orderId", w.code as warehouse
     from made m join warehouses w on w.id = m.warehouse_id order by m.order_id, w.code`,
    [
      shipments.map((s) => s.shipmentId),
      shipments.map((s) => s.orderId),
      shipments.map((s) => s.reservationId),
      shipments.map((s) => s.warehouseId),
      shipments.map((s) => s.carrier),
      items.map((i) => i.shipmentId),
      items.map((i) => i.productId),
      items.map((i) => i.quantity),
      shipments.map((s) => s.generation),
    ],
  );
}

/**
 * Takes shipments to book, without those that a failure puts off, an amendment holds or blocked units are in: oldest first, and those that were given back by a failed
 * call behind all that waited then, so that shipments which fail together do not keep others from their turn. An index is searched by
 * `statement_timestamp()`, which does not change within the statement; it is as good as `clock_timestamp()` where nothing
 * waits for a lock.
 */
export function claimToBook(
  on: Queryable,
  carrier: string,
  limit: number,
  leaseSeconds: number,
): Promise<ClaimedShipment[]> {
  return many<ClaimedShipment>(
    on,
    'fulfilment.claim_to_book',
    `with taken as (
       select s.id from shipments s
       where s.status in ${literals(UNBOOKED_SHIPMENT_STATUSES)} and s.carrier = $1 and s.held_by is null
         and (s.status = 'pending' or s.lease_until <= statement_timestamp())
         and ${NOT_PUT_OFF} and ${NOT_BLOCKED}
       order by coalesce(s.lease_until, s.created_at) limit $2 for no key update skip locked
     ), claimed as (
       update shipments s
       set status = 'booking', updated_at = clock_timestamp(),
           lease_until = clock_timestamp() + make_interval(secs => $3)
       from taken where s.id = taken.id
       returning s.id, s.order_id, s.warehouse_id, s.created_at
     )
     select c.id as "shipmentId", c.order_id as "orderId", w.code as warehouse, current_ship_to(c.order_id) as "shipTo",
       (select json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity) order by i.sku)
        from shipment_items i where i.shipment_id = c.id) as items,
       coalesce((select f.attempts from failed_work f
                 where f.work = 'book_shipment' and f.subject = c.id::text), 0) as failures
     from claimed c join warehouses w on w.id = c.warehouse_id
     order by c.created_at`,
    [carrier, limit, leaseSeconds],
  );
}

/** Carriers with shipments to book, other than these, whose alert is not there or may be renewed. */
export function selectCarriersWithoutSetup(
  on: Queryable,
  setUp: readonly string[],
): Promise<{ carrier: string; waiting: number }[]> {
  return many(
    on,
    'fulfilment.carriers_without_setup',
    `select s.carrier, count(*)::int as waiting from shipments s
     where s.status in ${literals(UNBOOKED_SHIPMENT_STATUSES)} and s.carrier <> all ($1::text[])
       and ${notPutOff('book_with_carrier', 's.carrier')}
     group by s.carrier`,
    [setUp],
  );
}

/** Carriers that booked nothing and for which nothing waits any more. */
export function selectSettledCarrierFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'fulfilment.settled_carrier_failures',
    settledFailures(
      `select from shipments s where s.carrier = f.subject and s.status in ${literals(UNBOOKED_SHIPMENT_STATUSES)}`,
    ),
    [work],
  );
}

/** Ends the lease of claims, so that they can be taken again at once. */
export function endLeases(on: Queryable, shipmentIds: readonly string[]): Promise<number> {
  return execute(
    on,
    'fulfilment.end_leases',
    `update shipments set lease_until = clock_timestamp() where id = any ($1::uuid[]) and status = 'booking'`,
    [shipmentIds],
  );
}

/**
 * Whether a shipment has waited `seconds` for the dispatcher, or its claim has run out: the signal was lost. Not one that
 * a failure puts off or an amendment holds.
 */
export async function existsOverdue(on: Queryable, seconds: number): Promise<boolean> {
  const { overdue } = await one<{ overdue: boolean }>(
    on,
    'fulfilment.exists_overdue',
    `select exists (select 1 from shipments s where s.status in ${literals(UNBOOKED_SHIPMENT_STATUSES)} and s.held_by is null
       and (s.status = 'booking' or s.created_at < statement_timestamp() - make_interval(secs => $1))
       and (s.status = 'pending' or s.lease_until <= statement_timestamp())
       and ${NOT_PUT_OFF} and ${NOT_BLOCKED}) as overdue`,
    [seconds],
  );
  return overdue;
}

/** Shipments whose booking failed and that need none any more: voided, picked up, booked. */
export function selectSettledBookingFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'fulfilment.settled_booking_failures',
    settledFailures(
      `select from shipments s where s.id::text = f.subject and s.status in ${literals(UNBOOKED_SHIPMENT_STATUSES)}`,
    ),
    [work],
  );
}

/** Shipments whose updates could not be applied and that have ended since. */
export function selectSettledUpdateFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'fulfilment.settled_update_failures',
    settledFailures(
      `select from shipments s where s.id::text = f.subject
         and s.status not in ${literals(['delivered', ...STOPPED_SHIPMENT_STATUSES])}`,
    ),
    [work],
  );
}

/** Of a shipment `s` in a warehouse `w`, as a `ShipmentRow`. */
export const SHIPMENT_COLUMNS = `s.id as "shipmentId", s.order_id as "orderId", s.reservation_id as "reservationId",
  s.warehouse_id as "warehouseId", w.code as warehouse, s.carrier, s.status, s.tracking_number as "trackingNumber",
  s.stop_refused_at is not null as "stopRefused", s.left_after_stop_at is not null as "leftAfterStop",
  s.delivered_after_stop_at is not null as "deliveredAfterStop"`;

/** Shipments of one carrier, unlocked. What is in one that the carrier knows of does not change. */
export function selectShipments(
  on: Queryable,
  carrier: string,
  shipmentIds: readonly string[],
): Promise<FilledShipment[]> {
  return many<FilledShipment>(
    on,
    'fulfilment.shipments',
    `select ${SHIPMENT_COLUMNS},
       coalesce((select json_agg(json_build_object('productId', i.product_id, 'sku', i.sku, 'quantity', i.quantity) order by i.sku)
        from shipment_items i where i.shipment_id = s.id), '[]') as items
     from shipments s join warehouses w on w.id = s.warehouse_id
     where s.id = any ($2::uuid[]) and s.carrier = $1`,
    [carrier, shipmentIds],
  );
}

/** Locks shipments by id: after reservations and stock, before orders. */
export function lockShipments(tx: Transaction, shipmentIds: readonly string[]): Promise<ShipmentRow[]> {
  return many<ShipmentRow>(
    tx,
    'fulfilment.lock_shipments',
    `select ${SHIPMENT_COLUMNS} from shipments s join warehouses w on w.id = s.warehouse_id
     where s.id = any ($1::uuid[]) order by s.id for no key update of s`,
    [shipmentIds],
  );
}

/** A parcel with what its products keep of their units. */
export interface Parcel extends ShipmentRow {
  items: (NamedProduct & { quantity: number })[];
}

export function selectParcel(on: Queryable, shipmentId: string): Promise<Parcel | undefined> {
  return maybeOne<Parcel>(
    on,
    'fulfilment.parcel',
    `select ${SHIPMENT_COLUMNS},
       (select json_agg(json_build_object('productId', p.id, 'sku', i.sku, 'quantity', i.quantity,
                                          'lotTracked', p.lot_tracked, 'serialised', p.serialised) order by i.sku)
        from shipment_items i join products p on p.id = i.product_id where i.shipment_id = s.id) as items
     from shipments s join warehouses w on w.id = s.warehouse_id where s.id = $1`,
    [shipmentId],
  );
}

/** Locks all shipments of orders, by id. */
export function lockShipmentsOfOrders(tx: Transaction, orderIds: readonly string[]): Promise<ShipmentRow[]> {
  return many<ShipmentRow>(
    tx,
    'fulfilment.lock_shipments_of_orders',
    `select ${SHIPMENT_COLUMNS} from shipments s join warehouses w on w.id = s.warehouse_id
     where s.order_id = any (${listOf(1, 'uuid')}) order by s.id for no key update of s`,
    [orderIds],
  );
}

export interface ShipmentChange {
  shipmentId: string;
  status: ShipmentStatus;
  /** Absent: stays as it is. The same goes for the next two. */
  trackingNumber?: string;
  labelUrl?: string;
  error?: string;
  /** The carrier did not stop it. */
  stopRefused?: boolean;
  /** It is stopped to cut a part of it. Absent: stays as it is. */
  stopForCut?: boolean;
  /** It is stopped and has left all the same: from now on for good. */
  leftAfterStop?: boolean;
  deliveredAfterStop?: boolean;
}

/** Changes shipments whose locks the caller has. One that stays `booking` keeps its lease. */
export function updateShipments(tx: Transaction, changes: readonly ShipmentChange[]): Promise<number> {
  return execute(
    tx,
    'fulfilment.update_shipments',
    `update shipments s
     set status = c.status, tracking_number = coalesce(c.tracking_number, s.tracking_number),
         label_url = coalesce(c.label_url, s.label_url), error = coalesce(c.error, s.error),
         left_after_stop_at = coalesce(s.left_after_stop_at, case when c.left_after_stop then clock_timestamp() end),
         delivered_after_stop_at = coalesce(s.delivered_after_stop_at, case when c.delivered_after_stop then clock_timestamp() end),
         lease_until = case when c.status = 'booking' then s.lease_until end,
         stop_refused_at = case when c.stop_refused then clock_timestamp() else s.stop_refused_at end,
         stop_for_cut = coalesce(c.stop_for_cut, s.stop_for_cut),
         tries = case when c.status = s.status then s.tries else 0 end,
         next_try_at = case when c.status = s.status then s.next_try_at end, updated_at = clock_timestamp()
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::boolean[],
                 $8::boolean[], $9::boolean[])
       as c (id, status, tracking_number, label_url, error, stop_refused, left_after_stop, delivered_after_stop, stop_for_cut)
     where s.id = c.id`,
    [
      changes.map((c) => c.shipmentId),
      changes.map((c) => c.status),
      changes.map((c) => c.trackingNumber ?? null),
      changes.map((c) => c.labelUrl ?? null),
      changes.map((c) => c.error ?? null),
      changes.map((c) => c.stopRefused ?? false),
      changes.map((c) => c.leftAfterStop ?? false),
      changes.map((c) => c.deliveredAfterStop ?? false),
      changes.map((c) => c.stopForCut ?? null),
    ],
  );
}

/**
 * Records carrier updates; returns the ids of the new ones. Callers sort by event id: two transactions that record the
 * same updates wait for each other here, before either has locked anything else.
 */
export async function insertCarrierEvents(
  tx: Transaction,
  carrier: string,
  events: readonly CarrierEvent[],
): Promise<string[]> {
  const added = await many<{ eventId: string }>(
    tx,
    'fulfilment.insert_carrier_events',
    `insert into carrier_events (carrier, event_id, shipment_id, type, occurred_at)
     select $1, * from unnest($2::text[], $3::uuid[], $4::text[], $5::timestamptz[])
     on conflict do nothing returning event_id as "eventId"`,
    [
      carrier,
      events.map((e) => e.eventId),
      events.map((e) => e.shipmentId),
      events.map((e) => e.type),
      events.map((e) => e.occurredAt ?? null),
    ],
  );
  return added.map((row) => row.eventId);
}
