import { amountProblem } from '../../integrations/stripe/amounts';
import { readSourcing } from '../../domain/orders/views';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { expireReservation } from '../../domain/ordering/expire';
import { orderPaymentId, orderReservationId } from '../../domain/orders/ids';
import {
  addProduct,
  AMSTERDAM,
  levelsOf,
  makeDue,
  openOrderShop,
  openReserver,
  orderOf,
  PAYMENT,
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

describe('a complete order', () => {
  test('is held in the nearest warehouse that has it', async () => {
    const sku = await shop.product({ AMS: 5, BER: 5, NYC: 5 });
    const order = orderOf({ [sku]: 2 });
    const { outcome, progress } = await shop.place(order);
    expect(outcome).toBe('reserved');
    expect(progress).toMatchObject({ status: 'reserved', payments: [], asks: [], waitingUnits: 0 });
    expect(progress?.reservations).toMatchObject([{ seq: 1, status: 'pending', attempt: 0 }]);
    expect(progress?.reservations[0]?.msLeft).toBeGreaterThan(880_000);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 2], BER: [5, 0], NYC: [5, 0] });
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['order_placed', 'stock_reserved']);
  });

  test('takes the rest of what the nearest lacks from the next nearest, up to the last unit of all of them', async () => {
    const sku = await shop.product({ AMS: 1, BER: 2, NYC: 3 });
    const order = orderOf({ [sku]: 6 });
    expect((await shop.place(order)).outcome).toBe('reserved');
    expect((await viewOf(shop.db, order.orderId)).items[0]?.allocations).toEqual([
      { warehouse: 'AMS', quantity: 1 },
      { warehouse: 'BER', quantity: 2 },
      { warehouse: 'NYC', quantity: 3 },
    ]);
  });

  test('keeps the reasons of its sourcing, with the warehouses that were not needed', async () => {
    const sku = await shop.product({ AMS: 5, NYC: 7 });
    const order = orderOf({ [sku]: 2 });
    await shop.place(order);
    expect(await readSourcing(shop.db, order.orderId)).toMatchObject([
      {
        sku,
        strategy: 'nearest',
        requested: 2,
        candidates: [
          { warehouse: 'AMS', available: 5, taken: 2 },
          { warehouse: 'NYC', available: 7, taken: 0 },
        ],
      },
    ]);
  });

  test('is rejected when one unit of one line is missing, reserves nothing and says what there was', async () => {
    const [scarce, plenty] = [await shop.product({ AMS: 1, BER: 1 }), await shop.product({ AMS: 9 })];
    const order = orderOf({ [plenty]: 1, [scarce]: 3 });
    const shortages = [{ sku: scarce, requested: 3, available: 2 }];
    expect(await shop.place(order)).toMatchObject({
      outcome: 'rejected',
      shortages,
      progress: { status: 'rejected' },
    });
    expect(await levelsOf(shop.db, plenty)).toEqual({ AMS: [9, 0] });
    const view = await viewOf(shop.db, order.orderId);
    expect(view).toMatchObject({ status: 'rejected', totalMinor: 4_000, reservation: null });
    expect(view.items.map((item) => item.cancelledQuantity)).toEqual([1, 3]);
    expect(await eventTypes(shop.db, order.orderId)).toEqual(['order_placed', 'order_rejected']);
  });

  test('paid with the order enters its first charge at once, with the charge written', async () => {
    const sku = await shop.product({ AMS: 5 });
    const order = orderOf({ [sku]: 2 }, { payment: PAYMENT });
    const { progress } = await shop.place(order);
    expect(progress?.reservations).toMatchObject([{ status: 'charging', attempt: 1 }]);
    const id = orderPaymentId(order.orderId, 1);
    expect(progress?.payments).toEqual([{ paymentId: id, status: 'pending' }]);
    expect(progress?.asks).toEqual([{ kind: 'charge', id, tries: 0, msLeft: 0 }]);
    const { payments } = await viewOf(shop.db, order.orderId);
    expect(payments).toMatchObject([{ id, status: 'pending', amountMinor: 2_000 }]);
  });

  test.each([
    ['a region', { region: 'us-east' }, 'NYC'],
    ['nowhere', null, 'AMS'],
  ] as const)('to %s is held where that is nearest', async (_name, shipTo, warehouse) => {
    const sku = await shop.product({ AMS: 5, BER: 5, NYC: 5 });
    const order = orderOf({ [sku]: 1 }, { shipTo });
    await shop.place(order);
    expect((await viewOf(shop.db, order.orderId)).items[0]?.allocations).toEqual([
      { warehouse, quantity: 1 },
    ]);
  });
});

describe('a partial order', () => {
  test('takes what there is and cancels the rest, which it does not cost', async () => {
    const sku = await shop.product({ AMS: 1, NYC: 1 });
    const order = orderOf({ [sku]: 5 }, { fulfilment: 'partial', payment: PAYMENT });
    const { outcome, shortages } = await shop.place(order);
    expect({ outcome, shortages }).toEqual({
      outcome: 'reserved',
      shortages: [{ sku, requested: 5, available: 2 }],
    });
    const view = await viewOf(shop.db, order.orderId);
    expect(view.items).toMatchObject([{ status: 'reserved', reservedQuantity: 2, cancelledQuantity: 3 }]);
    expect(view).toMatchObject({ totalMinor: 2_000, payment: { amountMinor: 2_000 } });
    expect(await eventTypes(shop.db, order.orderId)).toContain('items_cut');
  });

  test('is rejected when there is nothing at all', async () => {
    const sku = await shop.product({ AMS: 0 });
    expect((await shop.place(orderOf({ [sku]: 5 }, { fulfilment: 'partial' }))).outcome).toBe('rejected');
  });
});

describe('a backorder', () => {
  test('reserves what there is, and the rest waits in the queue and counts in the total', async () => {
    const sku = await shop.product({ AMS: 1, BER: 1 });
    const order = orderOf({ [sku]: 5 }, { fulfilment: 'backorder', payment: PAYMENT });
    expect(await shop.place(order)).toMatchObject({ outcome: 'reserved', progress: { waitingUnits: 3 } });
    const view = await viewOf(shop.db, order.orderId);
    expect(view.items).toMatchObject([
      { status: 'backordered', reservedQuantity: 2, backorderedQuantity: 3 },
    ]);
    expect(view).toMatchObject({ totalMinor: 5_000, payment: { amountMinor: 2_000 } });
  });

  test('for something that is nowhere reserves nothing, charges nothing and waits', async () => {
    const sku = await shop.product({});
    const order = orderOf({ [sku]: 5 }, { fulfilment: 'backorder', payment: PAYMENT });
    const { outcome, progress } = await shop.place(order);
    expect(outcome).toBe('reserved');
    expect(progress).toMatchObject({
      status: 'reserved',
      reservations: [],
      payments: [],
      asks: [],
      waitingUnits: 5,
    });
    expect((await viewOf(shop.db, order.orderId)).reservation).toBeNull();
  });
});

describe('an order that can never be held', () => {
  test('for an unknown SKU is failed with its code, and says which', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1, 'NO-SUCH': 1 });
    expect(await shop.place(order)).toMatchObject({ outcome: 'refused', code: 'UNKNOWN_SKU' });
    const view = await viewOf(shop.db, order.orderId);
    expect(view).toMatchObject({ status: 'failed', failureCode: 'UNKNOWN_SKU', items: [] });
    expect((await shop.place(order)).detail).toContain('NO-SUCH');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  });

  test('for a product that is not sold any more is an unknown SKU', async () => {
    const sku = await shop.product({ AMS: 1 });
    await shop.db.pool.query('update products set active = false where sku = $1', [sku]);
    expect((await shop.place(orderOf({ [sku]: 1 }))).code).toBe('UNKNOWN_SKU');
  });

  test('in two currencies is failed, and reserves neither part', async () => {
    const [dollars, euros] = [await shop.product({ AMS: 1 }), `EUR-${newId()}`];
    await addProduct(shop.db, euros, 'EUR');
    await receive(shop.db, euros, 'AMS', 5);
    const order = orderOf({ [dollars]: 1, [euros]: 1 });
    expect(await shop.place(order)).toMatchObject({ outcome: 'refused', code: 'MIXED_CURRENCIES' });
    expect(await levelsOf(shop.db, euros)).toEqual({ AMS: [5, 0] });
  });

  test('that would cost more than can be told exactly is refused, and the dearest that does not is not', async () => {
    const sku = await shop.product({ AMS: 3 });
    await shop.db.pool.query('update products set price_minor = 4503599627370495 where sku = $1', [sku]);
    expect(await shop.place(orderOf({ [sku]: 3 }))).toMatchObject({
      outcome: 'refused',
      code: 'PRICE_NOT_CHARGEABLE',
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
    const order = orderOf({ [sku]: 2 });
    expect(await shop.place(order)).toMatchObject({ outcome: 'reserved' });
    expect((await viewOf(shop.db, order.orderId)).totalMinor).toBe(9_007_199_254_740_990);
  });

  test('with a price that the payment gateway cannot charge is failed, whether it is paid now or later', async () => {
    const sku = await shop.product({ AMS: 5 });
    const reserver = openReserver(shop.db, { gateway: { name: 'stripe', amountProblem } });
    try {
      await shop.db.pool.query(`update products set price_minor = 5124, currency = 'KWD' where sku = $1`, [
        sku,
      ]);
      const refused = orderOf({ [sku]: 2 });
      expect(await reserver.submit(refused)).toMatchObject({
        outcome: 'refused',
        code: 'PRICE_NOT_CHARGEABLE',
        detail: expect.stringContaining(sku) as string,
      });
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
      const unknown = orderOf({ [sku]: 1, 'NO-SUCH': 1 });
      expect(await reserver.submit(unknown)).toMatchObject({ code: 'UNKNOWN_SKU' });
      await shop.db.pool.query('update products set price_minor = 5120 where sku = $1', [sku]);
      expect(await reserver.submit(orderOf({ [sku]: 2 }))).toMatchObject({ outcome: 'reserved' });
    } finally {
      await reserver.close();
    }
  });
});

describe('the same order again', () => {
  test.each(['complete', 'partial', 'backorder'] as const)(
    'gets its first outcome and changes nothing (%s)',
    async (fulfilment) => {
      const sku = await shop.product({ AMS: 2 });
      const enough = orderOf({ [sku]: 1 }, { fulfilment, payment: PAYMENT });
      const short = orderOf({ [sku]: 5 }, { fulfilment });
      for (const order of [enough, short]) {
        const [first, second] = await twice(shop.db, () => shop.place(order));
        expect({ ...second, progress: null }).toEqual({ ...first, progress: null });
        expect(second.progress?.status).toBe(first.progress?.status);
      }
    },
  );

  test('is still placed after its reservation has expired, and does not reserve again', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 });
    await shop.place(order);
    await makeDue(shop.db, order.orderId);
    await expireReservation(shop.db, {
      orderId: order.orderId,
      reservationId: orderReservationId(order.orderId, 1),
    });
    const [again] = await twice(shop.db, () => shop.place(order));
    expect(again).toMatchObject({ outcome: 'reserved', progress: { status: 'expired', reservations: [] } });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  });

  test('is still rejected after stock has arrived', async () => {
    const sku = await shop.product({ AMS: 0 });
    const order = orderOf({ [sku]: 1 });
    await shop.place(order);
    await receive(shop.db, sku, 'AMS', 5);
    expect((await shop.place(order)).outcome).toBe('rejected');
  });

  test('is still held when it failed for other reasons afterwards', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 });
    await shop.place(order);
    await shop.db.pool.query(`update orders set status = 'failed' where id = $1`, [order.orderId]);
    expect((await shop.place(order)).outcome).toBe('reserved');
    await shop.db.pool.query(`update orders set status = 'reserved' where id = $1`, [order.orderId]);
  });
});

test('the strategy is a setting: fewest shipments takes everything from one far warehouse', async () => {
  const [one, two] = [await shop.product({ AMS: 5, NYC: 5 }), await shop.product({ BER: 5, NYC: 5 })];
  const reserver = openReserver(shop.db, { strategy: 'fewest_shipments' });
  await reserver.submit(orderOf({ [one]: 1, [two]: 1 }, { shipTo: AMSTERDAM }));
  expect(await levelsOf(shop.db, one)).toEqual({ AMS: [5, 0], NYC: [5, 1] });
  expect(await levelsOf(shop.db, two)).toEqual({ BER: [5, 0], NYC: [5, 1] });
  await reserver.close();
});
