import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { requestAmend } from '../../domain/ordering/amendments/request';
import { readSourcing } from '../../domain/orders/views';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { levelsOf, openOrderShop, orderOf, type OrderShop } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

test('an order says how its warehouses are chosen, also for what is added to it; else the settings do', async () => {
  const sku = await shop.product({ AMS: 1, BER: 20 });
  const usual = orderOf({ [sku]: 2 });
  await shop.place(usual);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1], BER: [20, 1] });
  expect(await readSourcing(shop.db, usual.orderId)).toMatchObject([{ strategy: 'nearest' }]);

  const other = await shop.product({ AMS: 3, BER: 20 });
  const balanced = orderOf({ [other]: 10 }, { sourcing: 'balanced' });
  await shop.place(balanced);
  expect(await levelsOf(shop.db, other)).toEqual({ AMS: [3, 0], BER: [20, 10] });
  const [decision] = (await readSourcing(shop.db, balanced.orderId)) ?? [];
  expect(decision).toMatchObject({
    strategy: 'balanced',
    why: { shipments: 1, search: 'exact' },
    candidates: [
      { warehouse: 'BER', available: 20, taken: 10 },
      { warehouse: 'AMS', available: 3, taken: 0 },
    ],
  });

  const items = [{ sku: other, quantity: 15 }];
  const amendment = { orderId: balanced.orderId, requestId: newId(), items, shipTo: null };
  await requestAmend(shop.db, amendment, 10);
  await createOrderAmender({
    db: shop.db,
    warehouses: createWarehouseDirectory(shop.db),
    gateway: { amountProblem: () => null },
    strategy: 'nearest',
    attemptLimit: 10,
    unpaidLimits: { orders: 20, units: 1_000 },
  })(balanced.orderId);
  expect(await levelsOf(shop.db, other)).toEqual({ AMS: [3, 0], BER: [20, 15] });
});

test('orders with ways of their own are decided in one batch', async () => {
  const skus = await Promise.all([1, 2].map(() => shop.product({ AMS: 3, BER: 20 })));
  const [nearest, fewest] = skus.map((sku, n) =>
    orderOf({ [sku]: 10 }, n === 0 ? {} : { sourcing: 'fewest_shipments' }),
  );
  await Promise.all([nearest, fewest].flatMap((order) => (order ? [shop.place(order)] : [])));
  expect(await levelsOf(shop.db, skus[0] ?? '')).toEqual({ AMS: [3, 3], BER: [20, 7] });
  expect(await levelsOf(shop.db, skus[1] ?? '')).toEqual({ AMS: [3, 0], BER: [20, 10] });
});
