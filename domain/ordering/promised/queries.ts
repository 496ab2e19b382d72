import { many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import {
  STOPPABLE_SHIPMENT_STATUSES,
  STOPPED_SHIPMENT_STATUSES,
  WAITING_SHIPMENT_STATUSES,
} from '../../fulfilment/types';
import type { ShipmentStatus } from '../../fulfilment/types';
import { OPEN_ORDER_STATUSES } from '../../orders/types';
import { settledFailures, type SettledFailure } from '../../stock/alerts/put-off-sql';
import type { Work } from '../../stock/alerts/types';
import type { StockKey } from '../../stock/ledger/types';
import { SETTLED_RESERVATION_STATUSES } from '../../stock/reservations/types';
import { beingAdded } from '../being-added-sql';

/** A shipment that will not leave and is not released yet, or is being stopped: as the index `shipments_being_stopped` has it. */
const BEING_STOPPED = `(s.status = 'voiding' or s.status in ${literals(STOPPED_SHIPMENT_STATUSES)} and s.released_at is null)`;

/**
 * Units that quality holds of a place await.
 *
 * @returns `isAll`: everything that is promised there is to be given up, or nothing
 */
export function selectAwaited(on: Queryable, key: StockKey): Promise<{ awaited: number; isAll: boolean }> {
  return one(
    on,
    'promised.awaited',
    `select h.awaited,
       h.awaited = 0 or h.awaited >= (select s.reserved from stock s where s.product_id = $1 and s.warehouse_id = $2) - h.kept as "isAll"
     from (
       select coalesce(sum(awaited) filter (where awaited > 0 and not hold_is_overtaken(h)), 0) as awaited, coalesce(sum(open - awaited), 0) as kept
       from quality_holds h where product_id = $1 and warehouse_id = $2 and open > 0) h`,
    [key.productId, key.warehouseId],
  );
}

/** Units of a place that are in parcels which are being stopped: what a cut wants of each, or all of it where nothing is cut yet. */
export async function selectBeingStopped(on: Queryable, key: StockKey): Promise<number> {
  const { units } = await one<{ units: number }>(
    on,
    'promised.being_stopped',
    `select coalesce(sum(least(i.quantity, coalesce(c.units, i.quantity))), 0) as units
     from shipments s join shipment_items i on i.shipment_id = s.id and i.product_id = $1
     left join lateral (select sum(c.quantity - c.done) as units from order_cuts c
       where c.order_id = s.order_id and c.product_id = $1 and c.state = 'open'
         and (c.shipment_id is null or c.shipment_id = s.id)) c on true
     where s.warehouse_id = $2 and ${BEING_STOPPED} and exists (
       select from reservation_lines l where l.reservation_id = s.reservation_id and l.product_id = $1 and l.warehouse_id = $2
         and l.open_quantity > 0)`,
    [key.productId, key.warehouseId],
  );
  return units;
}

/** Somebody to whom units of a place are promised. */
export interface Promised {
  productId: number;
  reservationId: string;
  /** Null: it has no order. */
  orderId: string | null;
  /** The parcel that they are in. */
  shipmentId: string | null;
  shipmentStatus: ShipmentStatus | null;
  units: number;
  position: PromisedPosition;
}

/** Where somebody is in their order: unpaid or not, by what is in a parcel, by age (text, since it passes 2^53), by ids. */
export type PromisedPosition = [
  paid: number,
  parcel: number,
  age: string,
  reservationId: string,
  productId: number,
];

/** What is promised of the warehouse $1, of the products and parcels that `which` says; who gives it up first comes first. */
const promised = (which: { product: string; parcels: readonly ShipmentStatus[] }) => `
  with live as (
    select r.id, r.order_id, r.status, r.created_at from orders o join reservations r on r.order_id = o.id
    where o.status in ${literals(OPEN_ORDER_STATUSES)} and r.status in ${literals(SETTLED_RESERVATION_STATUSES)} and not ${beingAdded('r')}
    union all
    select r.id, null, r.status, r.created_at from reservations r where r.kind = 'hold' and r.status in ${literals(SETTLED_RESERVATION_STATUSES)}
  )
  select "reservationId", "orderId", "shipmentId", "shipmentStatus", "productId", units,
    json_build_array(paid, parcel, age::text, "reservationId", "productId") as position
  from (
    select r.id as "reservationId", r.order_id as "orderId", s.id as "shipmentId", s.status as "shipmentStatus", l.product_id as "productId",
      l.open_quantity as units, (r.status <> 'pending')::int as paid, coalesce(array_position(array['pending', 'booking', 'booked'], s.status), 0) as parcel,
      -(extract(epoch from r.created_at) * 1000000)::bigint as age
    from live r
    join reservation_lines l on l.reservation_id = r.id and l.warehouse_id = $1 and l.open_quantity > 0 and ${which.product}
    left join lateral (
      select s.id, s.status, s.held_by, s.stop_refused_at from shipments s
      where s.reservation_id = r.id and s.warehouse_id = $1 order by s.generation desc limit 1) s on true
    where s.id is null or s.status in ${literals(which.parcels)} and s.held_by is null and s.stop_refused_at is null) promised
  where $2::int is null or (paid, parcel, age, "reservationId", "productId") > ($2, $3::int, $4::bigint, $5::uuid, $6::int)
  order by paid, parcel, age, "reservationId", "productId" limit $7`;

export interface PromisedPage {
  /** The one that the page comes after. */
  after: PromisedPosition | null;
  limit: number;
}

const NOWHERE = [null, null, null, null, null] as const;

/**
 * To whom units of a place are promised, who gives them up first: what is not paid for, then what is in no parcel, then parcels that are
 * not booked, then the others; the newest of each first. Left out is what is being charged, amended or stopped.
 */
export function selectPromised(
  on: Queryable,
  key: StockKey,
  { after, limit }: PromisedPage,
): Promise<Promised[]> {
  return many<Promised>(
    on,
    'promised.whose',
    promised({ product: 'l.product_id = $8', parcels: STOPPABLE_SHIPMENT_STATUSES }),
    [key.warehouseId, ...(after ?? NOWHERE), limit, key.productId],
  );
}

/** The same of all products of a warehouse, but what is in booked parcels or on its way to the carrier. */
export function selectMovable(
  on: Queryable,
  warehouseId: number,
  { after, limit }: PromisedPage,
): Promise<Promised[]> {
  return many<Promised>(on, 'promised.movable', promised({ product: 'true', parcels: ['pending'] }), [
    warehouseId,
    ...(after ?? NOWHERE),
    limit,
  ]);
}

/** A parcel with units packed that must not leave. */
export interface ParcelWithBlocked {
  shipmentId: string;
  orderId: string;
  reservationId: string;
}

/**
 * Parcels of a place that have not left, are not being stopped, and into which units were packed that must not leave: of a recalled or
 * expired lot, serial numbers on hold, and of a lot on hold as many units as are packed beyond what of it is free, of the newest parcels.
 */
export function selectWithBlocked(on: Queryable, key: StockKey): Promise<ParcelWithBlocked[]> {
  return many<ParcelWithBlocked>(
    on,
    'promised.with_blocked',
    `select distinct s.id as "shipmentId", s.order_id as "orderId", s.reservation_id as "reservationId" from (
       select u.shipment_id from packed_units u join serials n on n.id = u.serial_id
       where n.product_id = $1 and n.warehouse_id = $2 and n.hold_id is not null
       union all
       select u.shipment_id from (
         select u.shipment_id, l.quantity - l.held as free, m.recalled_at is not null or coalesce(m.expires_on < today_utc(), false) as blocked,
           sum(u.quantity) over (partition by u.lot_id order by t.created_at, t.id) as packed
         from lots l join packed_units u on u.lot_id = l.id join product_lots m on m.id = l.master_id join shipments t on t.id = u.shipment_id
         where l.product_id = $1 and l.warehouse_id = $2) u
       where u.blocked or u.packed > u.free) b
     join shipments s on s.id = b.shipment_id
     where s.status in ${literals(STOPPABLE_SHIPMENT_STATUSES)} and s.held_by is null and s.stop_refused_at is null
     order by 1`,
    [key.productId, key.warehouseId],
  );
}

/** Places where something is to be settled. */
export function selectPlaces(on: Queryable): Promise<StockKey[]> {
  return many<StockKey>(
    on,
    'promised.places',
    `select product_id as "productId", warehouse_id as "warehouseId" from quality_holds where awaited > 0
     union
     select l.product_id, l.warehouse_id from packed_units u join lots l on l.id = u.lot_id join product_lots m on m.id = l.master_id
     where m.recalled_at is not null or m.expires_on < today_utc()
       or l.held > 0 and l.quantity - l.held < (select sum(o.quantity) from packed_units o where o.lot_id = l.id)
     union
     select n.product_id, n.warehouse_id from packed_units u join serials n on n.id = u.serial_id where n.hold_id is not null
     order by 1, 2`,
  );
}

/** Places that the shipments of an order are stopped at, of whose products holds await units. */
export function selectPlacesOfOrder(on: Queryable, orderId: string): Promise<StockKey[]> {
  return many<StockKey>(
    on,
    'promised.places_of_order',
    `select distinct h.product_id as "productId", h.warehouse_id as "warehouseId"
     from shipments s join shipment_items i on i.shipment_id = s.id
     join quality_holds h on h.product_id = i.product_id and h.warehouse_id = s.warehouse_id and h.awaited > 0
     where s.order_id = $1 order by 1, 2`,
    [orderId],
  );
}

/** A warehouse where a reservation keeps anything, with its latest shipment there. */
export interface KeptPlace {
  reservationId: string;
  warehouseId: number;
  shipmentId: string | null;
  status: ShipmentStatus | null;
  generation: number;
}

/** Where reservations have, or have had, shipments or keep units. */
export async function selectKeptPlaces(
  tx: Transaction,
  reservationIds: readonly string[],
): Promise<KeptPlace[]> {
  if (reservationIds.length === 0) return [];
  return many<KeptPlace>(
    tx,
    'promised.kept_places',
    `select w.reservation_id as "reservationId", w.id as "warehouseId", s.id as "shipmentId", s.status,
       coalesce(s.generation, 0) as generation
     from (select reservation_id, warehouse_id as id from reservation_lines where reservation_id = any ($1::uuid[])
           union select reservation_id, warehouse_id from shipments where reservation_id = any ($1::uuid[])) w
     left join lateral (select t.id, t.status, t.generation from shipments t
       where t.reservation_id = w.reservation_id and t.warehouse_id = w.id order by t.generation desc limit 1) s on true`,
    [reservationIds],
  );
}

/** Reservations among these of which a shipment has not left a warehouse yet. */
export async function selectWaiting(
  tx: Transaction,
  reservationIds: readonly string[],
  warehouseId: number,
): Promise<Set<string>> {
  if (reservationIds.length === 0) return new Set();
  const found = await many<{ id: string }>(
    tx,
    'promised.waiting',
    `select distinct reservation_id as id from shipments where reservation_id = any ($1::uuid[]) and warehouse_id = $2
       and (status in ${literals(WAITING_SHIPMENT_STATUSES)} or status in ${literals(STOPPED_SHIPMENT_STATUSES)} and released_at is null)`,
    [reservationIds, warehouseId],
  );
  return new Set(found.map(({ id }) => id));
}

/** What a person reads of a place, and of its holds that await units or are of blocked lots. `missing`: a count did not find the units. */
export async function selectNames(
  on: Queryable,
  key: StockKey,
): Promise<{ sku: string; warehouse: string; why: string; cause: 'blocked' | 'missing' }> {
  return one(
    on,
    'promised.names',
    `select p.sku, w.code as warehouse,
       coalesce(h.reason, 'blocked') as why, case when h.cause = 'count' then 'missing' else 'blocked' end as cause
     from products p cross join warehouses w
     left join lateral (select h.reason, h.cause from quality_holds h where h.product_id = $1 and h.warehouse_id = $2 and h.open > 0
       order by h.awaited > 0 desc, h.created_at desc limit 1) h on true
     where p.id = $1 and w.id = $2`,
    [key.productId, key.warehouseId],
  );
}

/** Names somebody to whom units of a place are promised, for a person and for `selectSettledFailures`. */
export function subjectOf(
  reservationId: string,
  { warehouse, sku }: { warehouse: string; sku: string },
): string {
  return `${reservationId} ${warehouse} ${sku}`;
}

/** The open line that a subject `f.subject` names, as `l`, with its product `p` and warehouse `w`. */
const LINE_OF_SUBJECT = `
  from reservation_lines l join products p on p.id = l.product_id join warehouses w on w.id = l.warehouse_id
  where l.reservation_id = split_part(f.subject, ' ', 1)::uuid and l.open_quantity > 0
    and f.subject = l.reservation_id || ' ' || w.code || ' ' || p.sku`;

/** Of those with whom it could not be settled: who has nothing at the place any more, or where nothing is on hold any more. */
export function selectSettledFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many<SettledFailure>(
    on,
    'promised.settled_failures',
    settledFailures(
      `select ${LINE_OF_SUBJECT}
         and exists (select from quality_holds h where h.product_id = l.product_id and h.warehouse_id = l.warehouse_id and h.open > 0)`,
    ),
    [work],
  );
}

/** Of those that could not be moved: who has nothing there any more, or whose warehouse is not closed any more. */
export function selectUnmovedFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many<SettledFailure>(
    on,
    'promised.unmoved_failures',
    settledFailures(`select ${LINE_OF_SUBJECT} and not w.active`),
    [work],
  );
}
