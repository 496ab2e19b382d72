import { settleAllPromised } from '../../domain/ordering/promised/settle-promised';
import type { SheetView } from '../../domain/warehousing/counting/types';
import { levelsOf, openOrderShop, orderOf, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, lotsOf, trackedProduct } from '../tracking/support';
import { overtakingIn } from './overtaking';
import { countingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { approve, countAll, lineOf, now, resolve, sheetOf, submit } = countingIn(() => shop);
const { imported, kept, settleSheets } = overtakingIn(() => shop);

describe('a count of each lot of a place of which one has a newer number', () => {
  const feed = (sku: string, lot: string, units: number) =>
    imported(['sku,location,lot,quantity', `${sku},AMS,${lot},${units}`]);

  async function twoLots(): Promise<string> {
    const sku = await trackedProduct(shop, { lots: true });
    await deliver(shop.db, [
      { sku, quantity: 10, lot: { code: 'A', expiresOn: inDays(30) } },
      { sku, quantity: 10, lot: { code: 'B', expiresOn: inDays(40) } },
    ]);
    return sku;
  }

  async function countBoth(sku: string, counted: { A: number; B: number }): Promise<SheetView> {
    const sheet = await sheetOf([sku]);
    const lots = Object.entries(counted).map(([code, units]) => ({ code, counted: units }));
    await countAll(sheet, [{ sku, lots }]);
    return sheet;
  }

  test('still says what is there of the others, in both orders', async () => {
    for (const isCountFirst of [true, false]) {
      const sku = await twoLots();
      const sheet = await countBoth(sku, { A: 3, B: 7 });
      await submit(sheet);
      if (isCountFirst) await approve(sheet);
      await feed(sku, 'A', 9);
      if (!isCountFirst) await approve(sheet);
      expect((await lotsOf(shop.db, sku)).sort()).toEqual(['A@AMS: 9', 'B@AMS: 7']);
      expect(await lineOf(sheet)).toMatchObject({
        status: 'approved',
        variance: isCountFirst ? -10 : -3,
        lots: [
          isCountFirst
            ? { code: 'A', counted: 3, variance: -7, superseded: false }
            : { code: 'A', counted: 3, variance: 0, superseded: true },
          { code: 'B', counted: 7, variance: -3, superseded: false },
        ],
      });
      await expectInvariants(shop.db);
    }
  });

  test('is superseded as a whole where all have one, or the place has', async () => {
    const sku = await twoLots();
    const [first, second] = [await countBoth(sku, { A: 3, B: 7 }), await countBoth(sku, { A: 3, B: 7 })];
    await feed(sku, 'A', 9);
    await feed(sku, 'B', 8);
    await submit(first);
    expect(await approve(first)).toMatchObject({ lines: [{ status: 'superseded' }] });
    const newest = await countBoth(sku, { A: 5, B: 5 });
    await submit(newest);
    await approve(newest);
    await submit(second);
    expect(await approve(second)).toMatchObject({ lines: [{ status: 'superseded' }] });
    expect((await lotsOf(shop.db, sku)).sort()).toEqual(['A@AMS: 5', 'B@AMS: 5']);
  });

  test('goes on for the others where it waits for units that are promised', async () => {
    for (const isWaiting of [true, false]) {
      const sku = await twoLots();
      const orders = [orderOf({ [sku]: 9 }), orderOf({ [sku]: 9 })];
      for (const order of orders) await shop.place(order);
      const sheet = await countBoth(sku, { A: 3, B: 7 });
      await submit(sheet);
      if (isWaiting) {
        expect((await resolve(sheet)).lines[0]).toMatchObject({ resolving: { missing: 10, awaited: 8 } });
        await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
      }
      expect((await feed(sku, 'A', 11)).result).toMatchObject({ rejected: 0 });
      if (!isWaiting) expect((await resolve(sheet)).lines[0]).toMatchObject({ status: 'approved' });
      await settleSheets();
      // 11 of A by the feed, 7 of B by the count: all that is promised.
      expect((await lotsOf(shop.db, sku)).sort()).toEqual(['A@AMS: 11', 'B@AMS: 7']);
      expect(await lineOf(sheet)).toMatchObject({ status: 'approved', variance: -3 });
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [18, 18] });
      expect(await Promise.all(orders.map(async ({ orderId }) => (await kept([orderId]))[0]))).toEqual([
        9, 9,
      ]);
    }
  });

  test('has those give up units that it lacks of the others', async () => {
    for (const isWaiting of [true, false]) {
      const sku = await twoLots();
      const orders = [orderOf({ [sku]: 9 }), orderOf({ [sku]: 9 })];
      for (const order of orders) await shop.place(order);
      const sheet = await countBoth(sku, { A: 3, B: 2 });
      await submit(sheet);
      if (isWaiting) await resolve(sheet);
      await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
      expect((await feed(sku, 'A', 11)).result).toMatchObject({ rejected: 0 });
      if (!isWaiting) await resolve(sheet);
      await settleSheets();
      await settleSheets();
      expect(await lineOf(sheet)).toMatchObject({ status: 'approved', variance: -8, resolving: null });
      expect((await lotsOf(shop.db, sku)).sort()).toEqual(['A@AMS: 11', 'B@AMS: 2']);
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [13, 13] });
      // The newest gave up what there was too much promised.
      expect(await Promise.all(orders.map(async ({ orderId }) => (await kept([orderId]))[0]))).toEqual([
        9, 4,
      ]);
    }
  });

  describe('and that waits for what is promised of the others, with the number after it', () => {
    /** 21 on hand by a number of A, 18 promised: a count, older than the number, has found 2 of B and waits for 5 units. */
    async function waiting(): Promise<{ sku: string; older: SheetView; between: string; orders: string[] }> {
      const sku = await twoLots();
      const orders = [orderOf({ [sku]: 9 }), orderOf({ [sku]: 9 })];
      for (const order of orders) await shop.place(order);
      const older = await countBoth(sku, { A: 3, B: 2 });
      await submit(older);
      const between = await now();
      await feed(sku, 'A', 11);
      expect((await resolve(older)).lines[0]).toMatchObject({ resolving: { missing: 8, awaited: 5 } });
      await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
      return { sku, older, between, orders: orders.map(({ orderId }) => orderId) };
    }

    async function expectNobodyGaveUp(sku: string, orders: readonly string[]): Promise<void> {
      await settleAllPromised(shop.db);
      await settleSheets();
      expect(await Promise.all(orders.map(async (orderId) => (await kept([orderId]))[0]))).toEqual([9, 9]);
      expect((await lotsOf(shop.db, sku)).sort()).toEqual(['A@AMS: 11', 'B@AMS: 7']);
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [18, 18] });
    }

    test('ends for a later count, though that is older than the number', async () => {
      const { sku, older, between, orders } = await waiting();
      const later = await sheetOf([sku]);
      const lots = [
        { code: 'A', counted: 3 },
        { code: 'B', counted: 7 },
      ];
      await countAll(later, [{ sku, lots, countedAt: between }]);
      await submit(later);
      expect(await approve(later)).toMatchObject({ lines: [{ status: 'approved', variance: -3 }] });
      await expectNobodyGaveUp(sku, orders);
      expect(await lineOf(older)).toMatchObject({ status: 'superseded', resolving: null });
    });

    test('ends for a later number of another lot, though that is older', async () => {
      const { sku, older, between, orders } = await waiting();
      const { result } = await imported(['sku,location,lot,quantity,as_of', `${sku},AMS,B,7,${between}`]);
      expect(result).toMatchObject({ applied: 1, rejected: 0 });
      await expectNobodyGaveUp(sku, orders);
      expect(await lineOf(older)).toMatchObject({ status: 'superseded', resolving: null });
    });
  });
});
