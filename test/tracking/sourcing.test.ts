import { readSourcing } from '../../domain/orders/views';
import { AMSTERDAM, levelsOf, openOrderShop, orderOf, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, trackedProduct } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** 5 units in AMS, BER and NYC, with what expires first in NYC and nothing that expires in AMS. */
async function inThreePlaces(nycInDays = 5): Promise<string> {
  const sku = await trackedProduct(shop, { lots: true });
  const lot = (code: string, days?: number) => ({
    sku,
    quantity: 5,
    lot: { code, expiresOn: days === undefined ? undefined : inDays(days) },
  });
  await deliver(shop.db, [lot('NEVER')], 'AMS');
  await deliver(shop.db, [lot('LATE', 40)], 'BER');
  await deliver(shop.db, [lot('SOON', nycInDays)], 'NYC');
  return sku;
}

const reservedOf = async (sku: string) =>
  Object.fromEntries(Object.entries(await levelsOf(shop.db, sku)).map(([code, [, units]]) => [code, units]));

test('among equally near warehouses the lot that expires first goes first, and the decision shows it', async () => {
  const sku = await inThreePlaces();
  const order = orderOf({ [sku]: 7 }, { shipTo: null });
  await shop.place(order);
  expect(await reservedOf(sku)).toEqual({ AMS: 0, BER: 2, NYC: 5 });
  const [decision] = (await readSourcing(shop.db, order.orderId)) ?? [];
  expect(decision?.candidates.map((candidate) => candidate.warehouse)).toEqual(['NYC', 'BER', 'AMS']);
});

test('a nearer warehouse goes before one whose lot expires sooner', async () => {
  const sku = await inThreePlaces();
  await shop.place(orderOf({ [sku]: 7 }, { shipTo: AMSTERDAM }));
  expect(await reservedOf(sku)).toEqual({ AMS: 5, BER: 2, NYC: 0 });
});

test('a lot that has expired draws no order to its warehouse', async () => {
  const sku = await inThreePlaces(-1);
  await shop.place(orderOf({ [sku]: 5 }, { shipTo: null }));
  // Those at NYC are on quality hold.
  expect(await reservedOf(sku)).toEqual({ AMS: 0, BER: 5, NYC: 5 });
});

test('a product without lots is sourced as ever', async () => {
  const sku = await shop.product({ AMS: 5, BER: 5, NYC: 5 });
  await shop.place(orderOf({ [sku]: 7 }, { shipTo: null }));
  expect(await reservedOf(sku)).toEqual({ AMS: 5, BER: 2, NYC: 0 });
});
