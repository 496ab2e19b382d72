import { listWarehouses } from '../../domain/catalog/warehouses';
import { readDemand, type DemandSeries } from '../../domain/forecasting/demand';
import { dayAfter } from '../../platform/days';
import { selectProductId } from '../../domain/catalog/product-ids';
import { openTestShop, type TestShop } from '../support/fixtures';
import { addOrders, addProduct, addWarehouse, AMS, daysAgo, moveStock, NYC } from './support';

let shop: TestShop;
let lastDay: string;
beforeEach(async () => {
  shop = await openTestShop();
  lastDay = await daysAgo(shop.db, 1);
  await addProduct(shop.db, 'P', { since: dayAfter(lastDay, -4) });
  await addWarehouse(shop.db, 'AMS', AMS);
  await addWarehouse(shop.db, 'NYC', NYC);
});
afterEach(() => shop.close());

/** Series of the last five days, by the code of their location. */
async function series(): Promise<Record<string, DemandSeries['days']>> {
  const { db } = shop;
  const warehouses = await listWarehouses(db);
  const found = await readDemand(db, {
    productIds: [(await selectProductId(db, 'P')) ?? 0],
    firstDay: dayAfter(lastDay, -4),
    lastDay,
    warehouses,
    strategy: 'nearest',
  });
  return Object.fromEntries(
    found.map(({ warehouseId, days }) => [
      warehouses.find(({ id }) => id === warehouseId)?.code ?? 'all',
      days,
    ]),
  );
}
const units = (days: DemandSeries['days'] | undefined) => days?.map(({ ordered }) => ordered);
const stock = (days: DemandSeries['days'] | undefined) => days?.map((day) => day.stock);

test('demand is what was ordered, on the day of the order, where it would have been asked first', async () => {
  const { db } = shop;
  // Nobody has any of it: these wait for stock, and are wanted all the same.
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, -3), units: [4] });
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, -3), units: [2], shipTo: NYC });
  await addOrders(db, { sku: 'P', firstDay: lastDay, units: [7] });
  // Not of the scope, and of an order that never was one.
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, 1), units: [100] });
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, -5), units: [100] });
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, -1), units: [100], status: 'rejected' });
  const found = await series();
  expect(units(found.all)).toEqual([0, 6, 0, 0, 7]);
  expect(units(found.AMS)).toEqual([0, 4, 0, 0, 7]);
  expect(units(found.NYC)).toEqual([0, 2, 0, 0, 0]);
});

test('days on which it could not be ordered are told from those on which it could, by what was available', async () => {
  const { db } = shop;
  const move = (warehouse: string, back: number, hour: number, delta: number) =>
    moveStock(db, { sku: 'P', warehouse, day: dayAfter(lastDay, -back), hour, delta });
  // There from noon of the second day, sold out on the fourth, there again.
  await move('AMS', 3, 12, 5);
  await move('AMS', 1, 9, -5);
  await move('AMS', 1, 15, 8);
  for (const shipTo of [AMS, NYC]) await addOrders(db, { sku: 'P', firstDay: lastDay, units: [1], shipTo });
  expect(stock((await series()).AMS)).toEqual(['absent', 'sold_out', 'stocked', 'sold_out', 'stocked']);
  expect(stock((await series()).NYC)).toEqual(['absent', 'absent', 'absent', 'absent', 'absent']);
  // Elsewhere there is some all the time.
  await move('NYC', 4, 0, 3);
  expect(stock((await series()).all)).toEqual(['sold_out', 'stocked', 'stocked', 'stocked', 'stocked']);
  // What is kept back from customers cannot be ordered.
  await db.pool.query('update stock set safety_stock = 3');
  expect(stock((await series()).NYC)).toEqual(['absent', 'absent', 'absent', 'absent', 'absent']);
  // Before there was the product, there was none of it.
  await db.pool.query('update stock set safety_stock = 0');
  await db.pool.query(`update products set created_at = created_at + interval '2 days'`);
  expect(stock((await series()).NYC)).toEqual(['absent', 'absent', 'stocked', 'stocked', 'stocked']);
});

test('a product that changes its warehouse keeps its demand', async () => {
  const { db } = shop;
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, -4), units: [3, 3] });
  await addOrders(db, { sku: 'P', firstDay: dayAfter(lastDay, -2), units: [3, 3, 3], shipTo: NYC });
  const found = await series();
  expect(units(found.all)).toEqual([3, 3, 3, 3, 3]);
  expect(units(found.AMS)).toEqual([3, 3, 0, 0, 0]);
  expect(units(found.NYC)).toEqual([0, 0, 3, 3, 3]);
});
