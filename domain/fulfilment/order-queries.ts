import { many, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { LEFT_SHIPMENT_STATUSES, STOPPED_SHIPMENT_STATUSES } from './types';

/** A line of a reservation that is still open although its shipment will not leave. */
export interface StoppedLine {
  reservationId: string;
  productId: number;
  warehouseId: number;
  openQuantity: number;
  shipmentId: string;
  status: (typeof STOPPED_SHIPMENT_STATUSES)[number];
  carrier: string;
  generation: number;
  /** It was stopped to cut a part of it, and has not left all the same: what remains is shipped anew. */
  isForCut: boolean;
}

/** Open lines of an order's shipments that will not leave and are not released yet. */
export function selectStoppedLines(on: Queryable, orderId: string): Promise<StoppedLine[]> {
  return many<StoppedLine>(
    on,
    'fulfilment.stopped_lines',
    `select l.reservation_id as "reservationId", l.product_id as "productId", l.warehouse_id as "warehouseId",
            l.open_quantity as "openQuantity", s.id as "shipmentId", s.status, s.carrier, s.generation,
            s.stop_for_cut and s.status = 'voided' and s.left_after_stop_at is null as "isForCut"
     from shipments s
     join reservation_lines l on l.reservation_id = s.reservation_id and l.warehouse_id = s.warehouse_id
     where s.order_id = $1 and s.status in ${literals(STOPPED_SHIPMENT_STATUSES)} and s.released_at is null and l.open_quantity > 0
     order by l.product_id, l.warehouse_id, l.reservation_id`,
    [orderId],
  );
}

/** Shipments of an order that will not leave and are not released yet, also those that keep nothing. */
export async function selectStoppedShipments(on: Queryable, orderId: string): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'fulfilment.stopped_shipments',
    `select id from shipments
     where order_id = $1 and status in ${literals(STOPPED_SHIPMENT_STATUSES)} and released_at is null order by id`,
    [orderId],
  );
  return found.map(({ id }) => id);
}

export function selectReservationsThatLeft(
  on: Queryable,
  reservationIds: readonly string[],
): Promise<{ id: string }[]> {
  return many(
    on,
    'fulfilment.reservations_that_left',
    `select distinct reservation_id as id from shipments
     where reservation_id = any ($1::uuid[]) and status in ${literals(LEFT_SHIPMENT_STATUSES)}`,
    [reservationIds],
  );
}

/** Units of one product that left for one reservation. */
export interface UnitsThatLeft {
  reservationId: string;
  productId: number;
  quantity: number;
}

/** What has left of an order, oldest reservation first. */
export function selectUnitsThatLeft(on: Queryable, orderId: string): Promise<UnitsThatLeft[]> {
  return many<UnitsThatLeft>(
    on,
    'fulfilment.units_that_left',
    `select s.reservation_id as "reservationId", i.product_id as "productId", sum(i.quantity) as quantity
     from shipments s join shipment_items i on i.shipment_id = s.id join reservations r on r.id = s.reservation_id
     where s.order_id = $1 and s.status in ${literals(LEFT_SHIPMENT_STATUSES)}
     group by r.seq, s.reservation_id, i.product_id order by r.seq, i.product_id`,
    [orderId],
  );
}

/** Units of one product in a parcel that left. */
export interface ParcelThatLeft {
  shipmentId: string;
  reservationId: string;
  productId: number;
  quantity: number;
}

/** What the parcels of an order that left carry. */
export function selectParcelsThatLeft(on: Queryable, orderId: string): Promise<ParcelThatLeft[]> {
  return many<ParcelThatLeft>(
    on,
    'fulfilment.parcels_that_left',
    `select s.id as "shipmentId", s.reservation_id as "reservationId", i.product_id as "productId", i.quantity
     from shipments s join shipment_items i on i.shipment_id = s.id
     where s.order_id = $1 and s.status in ${literals(LEFT_SHIPMENT_STATUSES)} order by s.created_at, s.id, i.product_id`,
    [orderId],
  );
}
