import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { readAmendment, requestAmend } from '../../domain/ordering/amendments/request';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import type { OrderInput } from '../../domain/orders/types';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openReservationShop, type ReservationShop } from './reservation-shop';
import { levelsOf, openReserver, orderOf } from './support';

const LIMITS = { orders: 3, units: 50 };

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** Places orders as one process of several does. */
async function placeAll(orders: readonly OrderInput[]) {
  const reserver = openReserver(shop.db, { unpaidLimits: LIMITS });
  try {
    return await Promise.all(orders.map((order) => reserver.submit(order)));
  } finally {
    await reserver.close();
  }
}

/** By the customer themself. */
const own = (customerId: string, sku: string, quantity = 1, rest: Partial<OrderInput> = {}) =>
  orderOf({ [sku]: quantity }, { customerId, owner: `user:${customerId}`, ...rest });

test('exactly as many orders are unpaid, however many a customer places at the same time of different products', async () => {
  const customerId = newId();
  const skus = await Promise.all(Array.from({ length: 16 }, () => shop.product({ AMS: 5 })));
  const orders = skus.map((sku) => own(customerId, sku));
  const placed = (
    await Promise.all([0, 1, 2, 3].map((n) => placeAll(orders.slice(n * 4, n * 4 + 4))))
  ).flat();
  expect(placed.filter(({ outcome }) => outcome === 'reserved')).toHaveLength(3);
  expect(placed.filter(({ code }) => code === 'UNPAID_LIMIT')).toHaveLength(13);
  const held = await Promise.all(skus.map((sku) => levelsOf(shop.db, sku)));
  expect(held.filter(({ AMS }) => AMS?.[1] === 1)).toHaveLength(3);
});

test('exactly as many units are held unpaid, over all of their orders', async () => {
  const customerId = newId();
  const skus = await Promise.all(Array.from({ length: 8 }, () => shop.product({ AMS: 100 })));
  const placed = (await Promise.all(skus.map((sku) => placeAll([own(customerId, sku, 20)])))).flat();
  expect(placed.filter(({ outcome }) => outcome === 'reserved')).toHaveLength(2);
  expect(placed.filter(({ code }) => code === 'UNPAID_LIMIT')).toHaveLength(6);
  const [sku = ''] = skus;
  expect(await placeAll([own(customerId, sku, 11)])).toMatchObject([{ code: 'UNPAID_LIMIT' }]);
  expect(await placeAll([own(customerId, sku, 10)])).toMatchObject([{ outcome: 'reserved' }]);
});

test('what is cancelled makes room, and an order that is placed again counts once', async () => {
  const [customerId, sku] = [newId(), await shop.product({ AMS: 100 })];
  const orders = [own(customerId, sku), own(customerId, sku), own(customerId, sku)];
  expect((await placeAll(orders)).map(({ outcome }) => outcome)).toEqual(Array(3).fill('reserved'));
  expect((await placeAll(orders)).map(({ outcome }) => outcome)).toEqual(Array(3).fill('reserved'));
  const another = own(customerId, sku);
  expect(await placeAll([another])).toMatchObject([{ outcome: 'refused', code: 'UNPAID_LIMIT' }]);
  await cancelUndelivered(shop.db, orders[0]!.orderId);
  expect(await placeAll([own(customerId, sku)])).toMatchObject([{ outcome: 'reserved' }]);
});

test('an order that is refused for another reason counts for nothing: the next of its batch is decided as if it were not there', async () => {
  const [customerId, sku] = [newId(), await shop.product({ AMS: 1 })];
  const reserver = openReserver(shop.db, {
    lanes: 1,
    unpaidLimits: { orders: 1, units: 50 },
    backorderLimits: { product: 2, customer: 100 },
  });
  const waiting = { fulfilment: 'backorder' } as const;
  try {
    // What comes while the first is decided is one batch.
    const placed = await Promise.all(
      [
        own(newId(), sku),
        own(customerId, sku, 3, waiting),
        own(customerId, sku, 1, waiting),
        own(customerId, sku, 1, waiting),
      ].map((order) => reserver.submit(order)),
    );
    expect(placed.map(({ outcome, code }) => code ?? outcome)).toEqual([
      'reserved',
      'BACKORDER_LIMIT',
      'reserved',
      'UNPAID_LIMIT',
    ]);
  } finally {
    await reserver.close();
  }
});

test('who orders for customers is not limited, nor is one customer by another', async () => {
  const [customerId, sku] = [newId(), await shop.product({ AMS: 1_000 })];
  const byShop = Array.from({ length: 6 }, () => own(customerId, sku, 40, { owner: 'service:shop' }));
  const byOthers = Array.from({ length: 6 }, () => own(newId(), sku, 40));
  const placed = await placeAll([...byShop, ...byOthers]);
  expect(placed.map(({ outcome }) => outcome)).toEqual(Array(12).fill('reserved'));
});

test('what is added to unpaid orders counts as well, exactly, of several orders amended at once', async () => {
  const customerId = newId();
  const skus = await Promise.all([1, 2, 3].map(() => shop.product({ AMS: 100 })));
  const orders = skus.map((sku) => own(customerId, sku, 1));
  await placeAll(orders);
  const amend = createOrderAmender({
    db: shop.db,
    warehouses: createWarehouseDirectory(shop.db),
    gateway: { amountProblem: () => null },
    strategy: 'nearest',
    attemptLimit: 2,
    unpaidLimits: LIMITS,
  });
  const outcomes = await Promise.all(
    orders.map(async ({ orderId }, n) => {
      const requestId = newId();
      const items = [{ sku: skus[n]!, quantity: 20 }];
      await requestAmend(shop.db, { orderId, requestId, items, shipTo: null }, 10);
      await amend(orderId);
      return readAmendment(shop.db, requestId);
    }),
  );
  // 3 + 19 + 19 are 41 of 50 units.
  expect(outcomes.filter((outcome) => outcome?.state === 'done')).toHaveLength(2);
  expect(outcomes.find((outcome) => outcome?.state === 'refused')).toMatchObject({
    code: 'UNPAID_LIMIT',
    details: { scope: 'units', limit: 50, unpaid: 41 },
  });
});
