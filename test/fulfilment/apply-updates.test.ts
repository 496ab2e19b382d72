import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import type { CarrierEvent } from '../../domain/fulfilment/types';
import { newId } from '../../platform/ids';
import { addStock, eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import {
  addBookedOrder,
  addShippingOrder,
  bookedAs,
  CARRIER,
  orderStatus,
  outboxKeys,
  readShipments,
  statuses,
  update,
} from './shipping';
import { withStock } from '../support/stock';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
  await addStock(shop.db, 'LAMP', 'AMS', 1_000);
  await addStock(shop.db, 'LAMP', 'BER', 1_000);
  await addStock(shop.db, 'DESK', 'AMS', 1_000);
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

async function apply(events: readonly CarrierEvent[]): Promise<string[]> {
  return (await applyCarrierEvents(withStock(shop.db), CARRIER, events)).map((outcome) => outcome.result);
}

async function stockOf(sku: string, warehouse: string): Promise<{ onHand: number; reserved: number }> {
  const found = await shop.db.pool.query<{ onHand: number; reserved: number }>(
    `select s.on_hand as "onHand", s.reserved from stock s join products p on p.id = s.product_id
     join warehouses w on w.id = s.warehouse_id where p.sku = $1 and w.code = $2`,
    [sku, warehouse],
  );
  return found.rows[0]!;
}

async function reservationStatus(reservationId: string): Promise<string | undefined> {
  const found = await shop.db.pool.query<{ status: string }>(
    'select status from reservations where id = $1',
    [reservationId],
  );
  return found.rows[0]?.status;
}

test('a pick-up takes the goods off stock and reservation, ends the order and wakes its saga', async () => {
  const before = { lamp: await stockOf('LAMP', 'AMS'), desk: await stockOf('DESK', 'AMS') };
  const order = await addBookedOrder(shop.db, [
    { sku: 'LAMP', warehouse: 'AMS', quantity: 2 },
    { sku: 'DESK', warehouse: 'AMS', quantity: 3 },
  ]);
  expect(await apply([update(order.shipmentIds[0]!, 'picked_up')])).toEqual(['applied']);

  expect(await statuses(shop.db, order.orderId)).toEqual(['picked_up']);
  expect(await stockOf('LAMP', 'AMS')).toEqual({ ...before.lamp, onHand: before.lamp.onHand - 2 });
  expect(await stockOf('DESK', 'AMS')).toEqual({ ...before.desk, onHand: before.desk.onHand - 3 });
  expect(await reservationStatus(order.reservationId)).toBe('shipped');
  expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilled');
  expect(await outboxKeys(shop.db, 'order.wake')).toContain(order.orderId);
  expect(await eventTypes(shop.db, order.orderId)).toEqual([
    'shipments_created',
    'shipment_booked',
    'shipment_picked_up',
    'order_fulfilled',
  ]);
});

test('an order with several shipments is fulfilled by the last pick-up', async () => {
  const order = await addBookedOrder(shop.db, [
    { sku: 'LAMP', warehouse: 'AMS', quantity: 1 },
    { sku: 'LAMP', warehouse: 'BER', quantity: 1 },
  ]);
  await apply([update(order.shipmentIds[1]!, 'picked_up')]);
  expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilling');
  expect(await reservationStatus(order.reservationId)).toBe('confirmed');
  await apply([update(order.shipmentIds[0]!, 'picked_up')]);
  expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilled');
  expect(await reservationStatus(order.reservationId)).toBe('shipped');
});

test('a delivery only updates rows: it signals no saga', async () => {
  const order = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  await apply([update(order.shipmentIds[0]!, 'picked_up')]);
  const woken = await outboxKeys(shop.db, 'order.wake');
  expect(await apply([update(order.shipmentIds[0]!, 'delivered')])).toEqual(['applied']);
  expect(await statuses(shop.db, order.orderId)).toEqual(['delivered']);
  expect(await outboxKeys(shop.db, 'order.wake')).toEqual(woken);
});

test('a delivery that overtakes its pick-up does both, and the late pick-up is stale', async () => {
  const order = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  expect(await apply([update(order.shipmentIds[0]!, 'delivered')])).toEqual(['applied']);
  expect(await apply([update(order.shipmentIds[0]!, 'picked_up')])).toEqual(['stale']);
  expect(await statuses(shop.db, order.orderId)).toEqual(['delivered']);
  expect(await eventTypes(shop.db, order.orderId)).toEqual([
    'shipments_created',
    'shipment_booked',
    'shipment_picked_up',
    'shipment_delivered',
    'order_fulfilled',
  ]);
});

test('the same update changes nothing the second time, in one call or in two', async () => {
  const order = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 4 }]);
  const event = update(order.shipmentIds[0]!, 'picked_up');
  expect(await apply([event, event])).toEqual(['applied', 'duplicate']);
  const after = await stockOf('LAMP', 'AMS');
  expect(await apply([event])).toEqual(['duplicate']);
  expect(await apply([update(order.shipmentIds[0]!, 'picked_up')])).toEqual(['stale']);
  expect(await stockOf('LAMP', 'AMS')).toEqual(after);
});

test('a pick-up that comes before the booking was written down counts, and the tracking number follows', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  const [shipmentId] = order.shipmentIds;
  await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 30 });
  expect(await apply([update(shipmentId!, 'picked_up')])).toEqual(['applied']);
  expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilled');
  await recordBookings(shop.db, [bookedAs(shipmentId!)]);
  await recordBookings(shop.db, [bookedAs(shipmentId!)]);
  expect(await statuses(shop.db, order.orderId)).toEqual(['picked_up']);
  expect(await eventTypes(shop.db, order.orderId)).toEqual([
    'shipments_created',
    'shipment_picked_up',
    'order_fulfilled',
    'shipment_booked',
  ]);
});

test('an update brings the tracking number where the booking was never written down, and only there', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  const [id] = order.shipmentIds;
  await claimShipments(shop.db, { carrier: CARRIER, limit: 500, leaseSeconds: 30 });
  const pickUp = { ...update(id!, 'picked_up'), trackingNumber: 'T-1' };
  expect(await apply([pickUp, update(id!, 'delivered')])).toEqual(['applied', 'applied']);
  expect(await readShipments(shop.db, order.orderId)).toMatchObject([
    { status: 'delivered', trackingNumber: 'T-1' },
  ]);

  const booked = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  await apply([{ ...update(booked.shipmentIds[0]!, 'picked_up'), trackingNumber: 'T-2' }]);
  expect(await readShipments(shop.db, booked.orderId)).toMatchObject([
    { trackingNumber: `T-${booked.shipmentIds[0]!}` },
  ]);
});

test('a shipment that fails before pick-up keeps its stock held and wakes the saga to undo it', async () => {
  const order = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  const held = await stockOf('LAMP', 'AMS');
  const event = { ...update(order.shipmentIds[0]!, 'failed'), detail: 'the van broke down' };
  expect(await apply([event])).toEqual(['applied']);
  expect(await statuses(shop.db, order.orderId)).toEqual(['failed']);
  expect(await stockOf('LAMP', 'AMS')).toEqual(held);
  expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilling');
  expect(await outboxKeys(shop.db, 'order.wake')).toContain(order.orderId);
  expect(await apply([update(order.shipmentIds[0]!, 'failed')])).toEqual(['stale']);
});

test('a parcel lost after pick-up goes into the history and changes nothing else', async () => {
  const order = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  await apply([update(order.shipmentIds[0]!, 'picked_up')]);
  const gone = await stockOf('LAMP', 'AMS');
  expect(await apply([update(order.shipmentIds[0]!, 'failed')])).toEqual(['applied']);
  expect(await statuses(shop.db, order.orderId)).toEqual(['picked_up']);
  expect(await stockOf('LAMP', 'AMS')).toEqual(gone);
  expect((await eventTypes(shop.db, order.orderId)).at(-1)).toBe('shipment_lost');
});

test('unknown shipments, other carriers and ids that are none do not spoil the rest of a call', async () => {
  const order = await addBookedOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  const [shipmentId] = order.shipmentIds;
  expect(
    await apply([
      update(newId(), 'picked_up'),
      update('nonsense', 'delivered'),
      update(shipmentId!, 'picked_up'),
    ]),
  ).toEqual(['unknown_shipment', 'unknown_shipment', 'applied']);
  const foreign = await applyCarrierEvents(withStock(shop.db), 'other', [update(shipmentId!, 'delivered')]);
  expect(foreign.map((outcome) => outcome.result)).toEqual(['unknown_shipment']);
});

test('shuffled and repeated updates of many orders, told by several at once, are each applied once', async () => {
  const orders = await Promise.all(
    Array.from({ length: 40 }, () =>
      addShippingOrder(shop.db, [
        { sku: 'LAMP', warehouse: 'AMS', quantity: 1 },
        { sku: 'DESK', warehouse: 'AMS', quantity: 2 },
        { sku: 'LAMP', warehouse: 'BER', quantity: 1 },
      ]),
    ),
  );
  const claimed = await claimShipments(shop.db, { carrier: CARRIER, limit: 500, leaseSeconds: 30 });
  await recordBookings(
    shop.db,
    claimed.map((shipment) => bookedAs(shipment.shipmentId)),
  );
  const lamp = await stockOf('LAMP', 'AMS');
  const events = orders.flatMap(({ shipmentIds }) =>
    shipmentIds.flatMap((id) => [update(id, 'picked_up'), update(id, 'delivered')]),
  );
  const random = seededRandom();
  const shuffled = () => random.shuffled(events);
  const told = await Promise.all([apply(shuffled()), apply(shuffled()), apply(shuffled().slice(0, 80))]);
  const applied = told.flat().filter((result) => result === 'applied').length;
  const stale = told.flat().filter((result) => result === 'stale').length;
  expect(applied + stale).toBe(events.length);
  for (const order of orders) {
    expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilled');
    expect(await statuses(shop.db, order.orderId)).toEqual(['delivered', 'delivered']);
  }
  expect(await stockOf('LAMP', 'AMS')).toEqual({ onHand: lamp.onHand - 40, reserved: lamp.reserved - 40 });
});

test('five hundred updates go through in one call', async () => {
  const orders = await Promise.all(
    Array.from({ length: 250 }, () =>
      addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'BER', quantity: 1 }]),
    ),
  );
  const claimed = await claimShipments(shop.db, { carrier: CARRIER, limit: 500, leaseSeconds: 30 });
  await recordBookings(
    shop.db,
    claimed.map((shipment) => bookedAs(shipment.shipmentId)),
  );
  const ids = orders.flatMap((order) => order.shipmentIds);
  const results = await apply([
    ...ids.map((id) => update(id, 'picked_up')),
    ...ids.map((id) => update(id, 'delivered')),
  ]);
  expect(results).toEqual(Array.from({ length: 500 }, () => 'applied'));
});
