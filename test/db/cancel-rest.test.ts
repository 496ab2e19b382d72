import { requestCancel } from '../../domain/ordering/cancel';
import { readProgress } from '../../domain/ordering/progress';
import { nextStep } from '../../domain/ordering/rules';
import type { Carrier } from '../../domain/fulfilment/types';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  cancelOrder,
  capture,
  carry,
  levelsOf,
  makeAsksDue,
  obligingCarrier,
  openOrderShop,
  orderOf,
  PAYMENT,
  placePaid,
  receive,
  ship,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** A carrier that is asked to stop parcels, and what it was asked. */
function carrierThat(responds: Carrier['void']) {
  const asked: string[] = [];
  const carrier: Carrier = {
    ...obligingCarrier,
    void: (shipmentId) => {
      asked.push(shipmentId);
      return responds(shipmentId);
    },
  };
  return { carrier, asked };
}

const book = (orderId: string) =>
  shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [orderId]);

test('an order of which a part has left and the rest waits for stock: the rest is cancelled, and stock that comes charges nothing', async () => {
  const { db } = shop;
  const sku = await shop.product({ AMS: 1 });
  const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder', payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  await capture(db, orderId);
  await ship(db, orderId, 'AMS', 'picked_up');
  expect(await readProgress(db, orderId)).toMatchObject({ status: 'fulfilling', waitingUnits: 2 });

  expect(await cancelOrder(db, orderId)).toMatchObject({
    status: 'fulfilled',
    cancel: 'done',
    waitingUnits: 0,
  });
  const view = await viewOf(db, orderId);
  expect(view.items).toMatchObject([{ fulfilledQuantity: 1, cancelledQuantity: 2, backorderedQuantity: 0 }]);

  await receive(db, sku, 'AMS', 2);
  const after = await viewOf(db, orderId);
  expect(after).toEqual(view);
  expect(after.payments).toMatchObject([{ status: 'captured', amountMinor: 1_000, refundedMinor: 0 }]);
  expect(after.refunds).toEqual([]);
  expect(await levelsOf(db, sku)).toEqual({ AMS: [2, 0] });
  expect(nextStep((await readProgress(db, orderId))!)).toEqual({ do: 'finish' });
});

test('a part that was allocated later and is not paid for is given up with the rest', async () => {
  const { db } = shop;
  const sku = await shop.product({ AMS: 1 });
  const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder', payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  await capture(db, orderId);
  await ship(db, orderId, 'AMS', 'delivered');
  await receive(db, sku, 'BER', 1);
  expect(await cancelOrder(db, orderId)).toMatchObject({ status: 'fulfilled', cancel: 'done', asks: [] });
  expect((await viewOf(db, orderId)).payments).toHaveLength(1);
  expect(await levelsOf(db, sku)).toEqual({ BER: [1, 0] });
});

test('two parcels of which one has left: the other is stopped and its price goes back', async () => {
  const { db } = shop;
  const { orderId, sku } = await placePaid(shop);
  await book(orderId);
  await ship(db, orderId, 'AMS', 'picked_up');
  expect(await cancelOrder(db, orderId)).toMatchObject({ status: 'fulfilled', cancel: 'done' });
  const view = await viewOf(db, orderId);
  expect(view.refunds).toMatchObject([{ amountMinor: 1_000, reason: 'the order was cancelled' }]);
  expect(view.items).toMatchObject([{ fulfilledQuantity: 1, cancelledQuantity: 1 }]);
  expect(view.reservation?.status).toBe('shipped');
  expect(view.cancelReason).toBe('changed my mind');
  expect(await levelsOf(db, sku)).toEqual({ BER: [1, 0] });
});

test('two parcels of which the carrier stops one: the request is done, and the other leaves', async () => {
  const { db } = shop;
  const { orderId, sku } = await placePaid(shop);
  await book(orderId);
  const ber = (await viewOf(db, orderId)).shipments.find(({ warehouse }) => warehouse === 'BER')!.id;
  const { carrier, asked } = carrierThat((id) => Promise.resolve(id === ber ? 'voided' : 'refused'));
  expect(await cancelOrder(db, orderId, carrier)).toMatchObject({
    status: 'paid',
    cancel: 'done',
    reservations: [{ status: 'confirmed' }],
    shipments: { booked: 1, voided: 1 },
  });
  expect(asked).toHaveLength(2);
  expect((await eventTypes(db, orderId)).slice(-1)).toEqual(['rest_cancelled']);
  expect(await levelsOf(db, sku)).toEqual({ AMS: [1, 1], BER: [1, 0] });
  await ship(db, orderId, 'AMS', 'picked_up');
  expect(await viewOf(db, orderId)).toMatchObject({ status: 'fulfilled', refunds: [{ amountMinor: 1_000 }] });
});

test('an order of which everything has left is not touched', async () => {
  const { db } = shop;
  const { orderId } = await placePaid(shop);
  await ship(db, orderId, 'AMS', 'picked_up');
  await ship(db, orderId, 'BER', 'picked_up');
  expect(await cancelOrder(db, orderId)).toMatchObject({ status: 'fulfilled', cancel: null });
  expect((await viewOf(db, orderId)).refunds).toEqual([]);
});

test('an order whose parcels all leave while they are being stopped: the request was refused', async () => {
  const { db } = shop;
  const { orderId } = await placePaid(shop);
  await book(orderId);
  const { carrier } = carrierThat(async (id) => {
    await carry(db, id, 'picked_up');
    return 'refused';
  });
  expect(await cancelOrder(db, orderId, carrier)).toMatchObject({ status: 'fulfilled', cancel: 'refused' });
  const view = await viewOf(db, orderId);
  expect(view.refunds).toEqual([]);
  expect(view.cancelReason).toBeUndefined();
  expect(view.items).toMatchObject([{ fulfilledQuantity: 2, cancelledQuantity: 0 }]);
});

test('a carrier that refuses: the request is refused, and the carrier is asked again by a new one only', async () => {
  const { db } = shop;
  const { orderId, sku } = await placePaid(shop);
  await book(orderId);
  const stubborn = carrierThat(() => Promise.resolve('refused'));
  expect(await cancelOrder(db, orderId, stubborn.carrier)).toMatchObject({
    status: 'paid',
    cancel: 'refused',
    stoppableShipments: 0,
    stopMsLeft: null,
  });
  expect(stubborn.asked).toHaveLength(2);
  expect((await viewOf(db, orderId)).cancelReason).toBeUndefined();
  expect((await eventTypes(db, orderId)).at(-1)).toBe('cancel_refused');
  expect(nextStep((await readProgress(db, orderId))!)).toMatchObject({ do: 'wait', for: 'shipment' });

  expect(await cancelOrder(db, orderId)).toMatchObject({ status: 'cancelled', cancel: 'done' });
  expect((await viewOf(db, orderId)).refunds).toMatchObject([{ amountMinor: 2_000 }]);
  expect(await levelsOf(db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
});

test('a carrier that does not respond for one parcel: the other is released at once, and the request stays open', async () => {
  const { db } = shop;
  const { orderId, sku } = await placePaid(shop);
  await book(orderId);
  const ber = (await viewOf(db, orderId)).shipments.find(({ warehouse }) => warehouse === 'BER')!.id;
  const { carrier } = carrierThat((id) =>
    id === ber ? Promise.resolve('voided') : Promise.reject(new Error('no response')),
  );
  expect(await cancelOrder(db, orderId, carrier)).toMatchObject({
    status: 'paid',
    cancel: 'open',
    unreleasedShipments: 0,
    asks: [{ kind: 'refund' }],
  });
  expect(await levelsOf(db, sku)).toEqual({ AMS: [1, 1], BER: [1, 0] });
  await makeAsksDue(db, orderId);
  expect(await cancelOrder(db, orderId)).toMatchObject({ status: 'cancelled', cancel: 'done' });
  expect((await viewOf(db, orderId)).refunds).toMatchObject([{ amountMinor: 1_000 }, { amountMinor: 1_000 }]);
});

test('a second request counts only what is ended after it', async () => {
  const { db } = shop;
  const { orderId } = await placePaid(shop);
  await book(orderId);
  const ber = (await viewOf(db, orderId)).shipments.find(({ warehouse }) => warehouse === 'BER')!.id;
  const half = carrierThat((id) => Promise.resolve(id === ber ? 'voided' : 'refused'));
  expect(await cancelOrder(db, orderId, half.carrier)).toMatchObject({ cancel: 'done' });
  const stubborn = carrierThat(() => Promise.resolve('refused'));
  expect(await cancelOrder(db, orderId, stubborn.carrier)).toMatchObject({
    status: 'paid',
    cancel: 'refused',
  });
  expect(stubborn.asked).toHaveLength(1);
});

test('a request while another is open changes nothing but lets a carrier that refused be asked again', async () => {
  const { db } = shop;
  const { orderId } = await placePaid(shop);
  await book(orderId);
  await requestCancel(db, { orderId, reason: 'first' });
  await db.pool.query('update shipments set stop_refused_at = clock_timestamp() where order_id = $1', [
    orderId,
  ]);
  const again = await requestCancel(db, { orderId, reason: 'second' });
  expect(again).toMatchObject({ cancel: 'open', stoppableShipments: 2 });
  expect((await viewOf(db, orderId)).cancelReason).toBe('first');
});
