import { startTransfer } from '../../domain/stock/transfers/start';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { selectSerial, selectSerialPage } from '../../domain/stock/tracking/view-queries';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

test('a delivery names each unit, and every number is taken once for a product', async () => {
  const sku = await withSerials(shop, 'A', 'B');
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: in_stock']);
  const again = (serials: string[], quantity = serials.length) =>
    deliver(shop.db, [{ sku, quantity, serials }]);
  await expect(again(['C', 'A'])).rejects.toMatchObject({ code: 'DUPLICATE_SERIAL' });
  await expect(again(['C', 'C'])).rejects.toMatchObject({ code: 'DUPLICATE_SERIAL' });
  await expect(again(['C'], 2)).rejects.toMatchObject({ code: 'SERIALS_REQUIRED' });
  await expect(again([], 1)).rejects.toMatchObject({ code: 'SERIALS_REQUIRED' });
  await withSerials(shop, 'A');
});

test('a parcel takes the oldest numbers, and a return gives the same back', async () => {
  const sku = await withSerials(shop, 'A', 'B', 'C');
  const orderId = await shippedOrder(shop, { [sku]: 2 });
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: shipped', 'B@AMS: shipped', 'C@AMS: in_stock']);
  const { id } = await authorise(shop.db, orderId, { [sku]: 2 });
  await comesIn(shop.db, id, { [sku]: 2 }, { location: 'BER' });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 1 }]);
  expect(await serialsOf(shop.db, sku)).toEqual(['A@BER: written_off', 'B@BER: in_stock', 'C@AMS: in_stock']);
  const found = (await selectSerial(shop.db, 'A')).find((unit) => unit.sku === sku);
  expect(found).toMatchObject({
    status: 'written_off',
    movements: [
      { kind: 'receipt', warehouse: 'AMS', orderId: null },
      { kind: 'ship', warehouse: 'AMS', orderId },
      { kind: 'return', warehouse: 'BER', orderId },
      { kind: 'write_off', warehouse: 'BER', orderId },
    ],
  });
});

test('a transfer takes its numbers with it', async () => {
  const sku = await withSerials(shop, 'A', 'B', 'C');
  await startTransfer(withStock(shop.db), {
    transferId: newId(),
    sku,
    from: 'AMS',
    to: 'BER',
    quantity: 2,
    mode: 'immediate',
    actor: 'test',
    transitSeconds: 3_600,
  });
  expect(await serialsOf(shop.db, sku)).toEqual(['A@BER: in_stock', 'B@BER: in_stock', 'C@AMS: in_stock']);
});

test('units that nobody read a number off have none, and units that are lost lose theirs', async () => {
  const sku = await withSerials(shop, 'A', 'B');
  const adjust = (delta: number) =>
    adjustStock(withStock(shop.db), {
      sku,
      location: 'AMS',
      change: { delta },
      reason: 'test',
      actor: 'test',
      effectId: newId(),
    });
  await adjust(1);
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: in_stock']);
  await adjust(-3);
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: removed', 'B@AMS: removed']);
});

test('a product may keep both lots and numbers', async () => {
  const sku = await trackedProduct(shop, { lots: true, serials: true });
  await deliver(shop.db, [
    { sku, quantity: 2, lot: { code: 'L', expiresOn: inDays(3) }, serials: ['A', 'B'] },
  ]);
  await shippedOrder(shop, { [sku]: 1 });
  expect(await lotsOf(shop.db, sku)).toEqual(['L@AMS: 1']);
  expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: shipped', 'B@AMS: in_stock']);
});

test('parcels at once never ship one number twice', async () => {
  const sku = await withSerials(shop, ...Array.from({ length: 12 }, (_, n) => `N${n}`));
  const orders = await Promise.all(Array.from({ length: 6 }, () => shippedOrder(shop, { [sku]: 2 })));
  const page = { sku, limit: 100, offset: 0 };
  const shipped = await selectSerialPage(shop.db, { ...page, status: 'shipped' });
  for (const orderId of orders) expect(shipped.filter((unit) => unit.orderId === orderId)).toHaveLength(2);
  expect(await selectSerialPage(shop.db, { ...page, location: 'BER' })).toEqual([]);
});
