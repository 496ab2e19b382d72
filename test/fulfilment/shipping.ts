import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import { createShipments } from '../../domain/fulfilment/create';
import type {
  BookingOutcome,
  CarrierEvent,
  CarrierEventType,
  ShipmentStatus,
} from '../../domain/fulfilment/types';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { addPaidOrder, type FixtureLine, type FixtureOrder } from '../support/fixtures';

export const CARRIER = 'sandbox';

export interface ShippingOrder extends FixtureOrder {
  /** In the order of their warehouses' codes. */
  shipmentIds: string[];
}

/** A paid order with its shipments, all `pending`. */
export async function addShippingOrder(db: Database, lines: readonly FixtureLine[]): Promise<ShippingOrder> {
  const order = await addPaidOrder(db, lines);
  await db.transaction((tx) => createShipments(tx, [{ ...order, carrier: CARRIER }]));
  return { ...order, shipmentIds: (await readShipments(db, order.orderId)).map((shipment) => shipment.id) };
}

/** A paid order whose shipments are all `booked`. */
export async function addBookedOrder(db: Database, lines: readonly FixtureLine[]): Promise<ShippingOrder> {
  const order = await addShippingOrder(db, lines);
  const claimed = await claimShipments(db, { carrier: CARRIER, limit: 500, leaseSeconds: 30 });
  await recordBookings(
    db,
    claimed.map((shipment) => bookedAs(shipment.shipmentId)),
  );
  return order;
}

export function bookedAs(shipmentId: string): BookingOutcome {
  return {
    shipmentId,
    status: 'booked',
    trackingNumber: `T-${shipmentId}`,
    labelUrl: 'https://labels.example/1.pdf',
  };
}

export interface ReadShipment {
  id: string;
  warehouse: string;
  status: ShipmentStatus;
  trackingNumber: string | null;
  error: string | null;
}

export async function readShipments(db: Database, orderId: string): Promise<ReadShipment[]> {
  const found = await db.pool.query<ReadShipment>(
    `select s.id, w.code as warehouse, s.status, s.tracking_number as "trackingNumber", s.error
     from shipments s join warehouses w on w.id = s.warehouse_id where s.order_id = $1 order by w.code`,
    [orderId],
  );
  return found.rows;
}

export async function statuses(db: Database, orderId: string): Promise<ShipmentStatus[]> {
  return (await readShipments(db, orderId)).map((shipment) => shipment.status);
}

export async function orderStatus(db: Database, orderId: string): Promise<string | undefined> {
  const found = await db.pool.query<{ status: string }>('select status from orders where id = $1', [orderId]);
  return found.rows[0]?.status;
}

/** Keys of the messages that wait in the outbox under a topic. */
export async function outboxKeys(db: Database, topic: string): Promise<string[]> {
  const found = await db.pool.query<{ key: string }>('select key from outbox where topic = $1 order by id', [
    topic,
  ]);
  return found.rows.map((row) => row.key);
}

export function update(shipmentId: string, type: CarrierEventType, eventId: string = newId()): CarrierEvent {
  return { eventId, shipmentId, type, occurredAt: new Date().toISOString() };
}
