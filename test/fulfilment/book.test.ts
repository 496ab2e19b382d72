import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import {
  claimShipments,
  recordBookings,
  releaseClaims,
  shipmentsAreOverdue,
} from '../../domain/fulfilment/book';
import { createShipments } from '../../domain/fulfilment/create';
import { addPaidOrder, addStock, eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import {
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

beforeEach(async () => {
  shop = await openTestShop();
  await addStock(shop.db, 'LAMP', 'AMS', 100);
  await addStock(shop.db, 'LAMP', 'BER', 100);
  await addStock(shop.db, 'DESK', 'BER', 100);
});

afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

const claim = (limit = 100, leaseSeconds = 30) =>
  claimShipments(shop.db, { carrier: CARRIER, limit, leaseSeconds });

test('an order gets one shipment per warehouse with what that warehouse has, and the dispatcher is signalled once', async () => {
  const order = await addPaidOrder(shop.db, [
    { sku: 'LAMP', warehouse: 'AMS', quantity: 1 },
    { sku: 'LAMP', warehouse: 'BER', quantity: 2 },
    { sku: 'DESK', warehouse: 'BER', quantity: 3 },
  ]);
  const made = await shop.db.transaction((tx) => createShipments(tx, [{ ...order, carrier: CARRIER }]));
  expect(made).toHaveLength(2);
  expect(await outboxKeys(shop.db, 'shipments.ready')).toHaveLength(1);
  const claimed = await claim();
  expect(claimed.map(({ warehouse, items }) => [warehouse, items])).toEqual([
    ['AMS', [{ sku: 'LAMP', quantity: 1 }]],
    [
      'BER',
      [
        { sku: 'DESK', quantity: 3 },
        { sku: 'LAMP', quantity: 2 },
      ],
    ],
  ]);
});

test('shipments made again change nothing, also after some have been booked', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  await recordBookings(
    shop.db,
    (await claim()).map((shipment) => bookedAs(shipment.shipmentId)),
  );
  const before = await readShipments(shop.db, order.orderId);
  const again = await shop.db.transaction((tx) => createShipments(tx, [{ ...order, carrier: CARRIER }]));
  expect(again).toEqual([]);
  expect(await readShipments(shop.db, order.orderId)).toEqual(before);
  expect(await eventTypes(shop.db, order.orderId)).toEqual(['shipments_created', 'shipment_booked']);
  expect(await outboxKeys(shop.db, 'shipments.ready')).toHaveLength(1);
});

test('several dispatchers at once get different shipments', async () => {
  for (let n = 0; n < 20; n++)
    await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  const claims = (await Promise.all([claim(8), claim(8), claim(8)]))
    .flat()
    .map((shipment) => shipment.shipmentId);
  expect(new Set(claims).size).toBe(claims.length);
  expect(claims.length + (await claim()).length).toBe(20);
});

test('a claim whose dispatcher died is taken again when its lease is over, and not before', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  expect(await claim(10, 0.5)).toHaveLength(1);
  expect(await claim()).toEqual([]);
  const again = await waitFor(async () => (await claim()).at(0));
  expect(again.shipmentId).toBe(order.shipmentIds[0]);
});

test('a claim that was given back can be taken again at once, but still counts as sent to the carrier', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  await claim();
  await releaseClaims(shop.db, order.shipmentIds);
  expect(await statuses(shop.db, order.orderId)).toEqual(['booking']);
  expect(await claim()).toHaveLength(1);
});

test('a booking gives the shipment its tracking number and puts the order in fulfilment, once', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  const outcomes = (await claim()).map((shipment) => bookedAs(shipment.shipmentId));
  expect(await recordBookings(shop.db, outcomes)).toEqual({ booked: 1, refused: 0 });
  expect(await recordBookings(shop.db, outcomes)).toEqual({ booked: 0, refused: 0 });
  expect(await readShipments(shop.db, order.orderId)).toMatchObject([
    { status: 'booked', trackingNumber: `T-${order.shipmentIds[0]!}` },
  ]);
  expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilling');
  expect(await eventTypes(shop.db, order.orderId)).toEqual(['shipments_created', 'shipment_booked']);
});

test('a refused booking fails the shipment, says why and wakes the saga, once', async () => {
  const order = await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  await claim();
  const outcome = {
    shipmentId: order.shipmentIds[0]!,
    status: 'refused' as const,
    reason: 'no service there',
  };
  expect(await recordBookings(shop.db, [outcome])).toEqual({ booked: 0, refused: 1 });
  expect(await recordBookings(shop.db, [outcome])).toEqual({ booked: 0, refused: 0 });
  expect(await readShipments(shop.db, order.orderId)).toMatchObject([
    { status: 'failed', error: 'no service there' },
  ]);
  expect(await outboxKeys(shop.db, 'order.wake')).toEqual([order.orderId]);
  expect(await eventTypes(shop.db, order.orderId)).toEqual(['shipments_created', 'shipment_failed']);
});

test('a batch of bookings and updates on the same orders, all at once, ends with every order fulfilled', async () => {
  const orders = [];
  for (let n = 0; n < 30; n++) {
    orders.push(
      await addShippingOrder(shop.db, [
        { sku: 'LAMP', warehouse: 'AMS', quantity: 1 },
        { sku: 'DESK', warehouse: 'BER', quantity: 1 },
      ]),
    );
  }
  const claimed = await claim(500);
  const outcomes = claimed.map((shipment) => bookedAs(shipment.shipmentId));
  const events = claimed.map((shipment) => update(shipment.shipmentId, 'picked_up')).reverse();
  await Promise.all([
    recordBookings(shop.db, outcomes),
    applyCarrierEvents(withStock(shop.db), CARRIER, events.slice(0, 40)),
    applyCarrierEvents(withStock(shop.db), CARRIER, events.slice(20)),
  ]);
  for (const order of orders) {
    expect(await orderStatus(shop.db, order.orderId)).toBe('fulfilled');
    const shipments = await readShipments(shop.db, order.orderId);
    expect(shipments.every((shipment) => shipment.trackingNumber !== null)).toBe(true);
  }
});

test('shipments are overdue when nobody books them, and when whoever began is gone', async () => {
  expect(await shipmentsAreOverdue(shop.db, 0)).toBe(false);
  await addShippingOrder(shop.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 1 }]);
  expect(await shipmentsAreOverdue(shop.db, 60)).toBe(false);
  expect(await shipmentsAreOverdue(shop.db, 0)).toBe(true);
  await claim(10, 0.3);
  expect(await shipmentsAreOverdue(shop.db, 0)).toBe(false);
  await waitFor(() => shipmentsAreOverdue(shop.db, 0));
});
