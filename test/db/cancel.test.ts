import { cancelUndelivered, concludeCancel, requestCancel } from '../../domain/ordering/cancel';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  cancelOrder,
  capture,
  compensate,
  decline,
  levelsOf,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  placePaid,
  receive,
  twice,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

describe('a request to cancel', () => {
  test('is remembered with its first reason, until it is refused', async () => {
    const { orderId } = await placePaid(shop);
    const [asked] = await twice(shop.db, () => requestCancel(shop.db, { orderId, reason: 'too late' }));
    expect(asked).toMatchObject({ status: 'paid', cancel: 'open' });
    await requestCancel(shop.db, { orderId, reason: 'another' });
    expect((await viewOf(shop.db, orderId)).cancelReason).toBe('too late');
    const [refused] = await twice(shop.db, () => concludeCancel(shop.db, orderId));
    expect(refused.cancel).toBe('refused');
    expect((await viewOf(shop.db, orderId)).cancelReason).toBeUndefined();
    expect((await eventTypes(shop.db, orderId)).slice(-2)).toEqual(['cancel_requested', 'cancel_refused']);
  });

  test('for an order that has ended is not taken', async () => {
    const order = orderOf({ [await shop.product({})]: 1 });
    await shop.place(order);
    const [asked] = await twice(shop.db, () =>
      requestCancel(shop.db, { orderId: order.orderId, reason: 'why' }),
    );
    expect(asked).toMatchObject({ status: 'rejected', cancel: null });
  });
});

describe('cancelling', () => {
  test('an unpaid order gives its stock back and ends it', async () => {
    const sku = await shop.product({ AMS: 1, BER: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 2 }, { orderId }));
    await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
    const [progress] = await twice(shop.db, () => cancelUndelivered(shop.db, orderId));
    expect(progress).toMatchObject({ status: 'cancelled', reservations: [], cancel: 'open' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    expect((await viewOf(shop.db, orderId)).reservation?.status).toBe('cancelled');
  });

  test('an order that only waits for stock ends it', async () => {
    const orderId = newId();
    await shop.place(orderOf({ [await shop.product({})]: 2 }, { orderId, fulfilment: 'backorder' }));
    const [progress] = await twice(shop.db, () => cancelUndelivered(shop.db, orderId));
    expect(progress).toMatchObject({ status: 'cancelled', waitingUnits: 0 });
    expect((await eventTypes(shop.db, orderId)).slice(-2)).toEqual(['backorders_closed', 'order_cancelled']);
  });

  test('gives up the queue first: freed stock goes to the next in it, never back to the order itself', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 4 }, { orderId, fulfilment: 'backorder' }));
    const next = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
    await shop.place(next);
    expect(await cancelUndelivered(shop.db, orderId)).toMatchObject({
      status: 'cancelled',
      reservations: [],
    });
    expect((await viewOf(shop.db, orderId)).reservations).toHaveLength(1);
    expect((await viewOf(shop.db, next.orderId)).items).toMatchObject([
      { reservedQuantity: 1, backorderedQuantity: 0 },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 1] });
  });

  test('does not wait for a charge in flight: what is captured afterwards goes back in full, once', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 1 }, { orderId, payment: PAYMENT }));
    const [progress] = await twice(shop.db, () => cancelUndelivered(shop.db, orderId));
    expect(progress).toMatchObject({ status: 'cancelled', reservations: [], asks: [{ kind: 'charge' }] });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
    const [captured] = await twice(shop.db, () => capture(shop.db, orderId));
    expect(captured).toMatchObject({ status: 'cancelled', shipments: {}, asks: [{ kind: 'refund' }] });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
      { amountMinor: 1_000, status: 'planned' },
    ]);
  });

  test('while a charge is in flight that is declined afterwards costs nothing', async () => {
    const orderId = newId();
    await shop.place(orderOf({ [await shop.product({ AMS: 1 })]: 1 }, { orderId, payment: PAYMENT }));
    await cancelUndelivered(shop.db, orderId);
    const [declined] = await twice(shop.db, () => decline(shop.db, orderId));
    expect(declined).toMatchObject({ status: 'cancelled', asks: [], reservations: [] });
    expect((await viewOf(shop.db, orderId)).refunds).toEqual([]);
  });

  test.each(['pending', 'booking', 'booked'])(
    'a paid order whose shipments are %s refunds and restocks all of it',
    async (status) => {
      const { orderId, sku } = await placePaid(shop);
      await shop.db.pool.query(
        `update shipments set status = $2, lease_until = case when $2 = 'booking' then clock_timestamp() end where order_id = $1`,
        [orderId, status],
      );
      await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
      const [begun] = await twice(shop.db, () => cancelUndelivered(shop.db, orderId));
      const isKnown = status !== 'pending';
      expect(begun).toMatchObject({
        status: 'paid',
        shipments: isKnown ? { voiding: 2 } : { voided: 2 },
        stopMsLeft: isKnown ? 0 : null,
        unreleasedShipments: isKnown ? 0 : 2,
      });
      const progress = await compensate(shop.db, orderId, 'all');
      expect(progress).toMatchObject({
        status: 'cancelled',
        cancel: 'open',
        reservations: [],
        unreleasedShipments: 0,
        asks: [{ kind: 'refund', tries: 0 }],
      });
      const view = await viewOf(shop.db, orderId);
      expect(view.refunds).toMatchObject([{ amountMinor: 2_000 }]);
      expect(view.shipments.map((shipment) => shipment.status)).toEqual(['voided', 'voided']);
      expect(view.reservation?.status).toBe('cancelled');
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
    },
  );

  test('a paid order that also waits and has an unpaid part undoes all three', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 3 }, { orderId, fulfilment: 'backorder', payment: PAYMENT }));
    await capture(shop.db, orderId);
    await receive(shop.db, sku, 'BER', 1);
    await cancelUndelivered(shop.db, orderId);
    expect(await compensate(shop.db, orderId, 'all')).toMatchObject({
      status: 'cancelled',
      reservations: [],
      waitingUnits: 0,
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [1, 0] });
  });

  test('and stock arriving at the same moment leave nothing held and none waiting', async () => {
    for (let round = 0; round < 40; round++) {
      const sku = await shop.product({ AMS: 1 });
      const orderId = newId();
      await shop.place(orderOf({ [sku]: 3 }, { orderId, fulfilment: 'backorder' }));
      await Promise.all([
        receive(shop.db, sku, 'AMS', 1),
        cancelUndelivered(shop.db, orderId),
        receive(shop.db, sku, 'BER', 1),
      ]);
      const { status, items } = await viewOf(shop.db, orderId);
      expect({ status, cancelled: items[0]?.cancelledQuantity }).toEqual({
        status: 'cancelled',
        cancelled: 3,
      });
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0], BER: [1, 0] });
    }
  });
});

test('paying for an order at the moment it is cancelled: nothing is charged, or all of it goes back', async () => {
  for (let round = 0; round < 30; round++) {
    const sku = await shop.product({ AMS: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 1 }, { orderId }));
    const [begun, cancelled] = await Promise.all([
      pay(shop.db, orderId),
      cancelUndelivered(shop.db, orderId),
    ]);
    expect(cancelled.status).toBe('cancelled');
    if (begun.begun) await capture(shop.db, orderId);
    else expect(begun.code).toBe('ORDER_NOT_PAYABLE');
    const { refunds } = await viewOf(shop.db, orderId);
    expect(refunds.map(({ amountMinor }) => amountMinor)).toEqual(begun.begun ? [1_000] : []);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  }
});

test('a charge that is captured at the moment its order is cancelled: the parcel is stopped, or all of it goes back', async () => {
  for (let round = 0; round < 30; round++) {
    const sku = await shop.product({ AMS: 1 });
    const orderId = newId();
    await shop.place(orderOf({ [sku]: 1 }, { orderId, payment: PAYMENT }));
    await Promise.all([capture(shop.db, orderId), cancelOrder(shop.db, orderId)]);
    expect(await cancelOrder(shop.db, orderId)).toMatchObject({ status: 'cancelled', reservations: [] });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([{ amountMinor: 1_000 }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  }
});
