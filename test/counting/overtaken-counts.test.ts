import { AsyncResource } from 'node:async_hooks';
import { Client } from 'pg';
import { settleAllPromised } from '../../domain/ordering/promised/settle-promised';
import { rejectCount } from '../../domain/warehousing/counting/decide-lines';
import { readSheet } from '../../domain/warehousing/counting/sheets';
import type { SheetView } from '../../domain/warehousing/counting/types';
import type { Database } from '../../platform/database/database';
import { capture, levelsOf, openOrderShop, orderOf, PAYMENT, type OrderShop } from '../db/support';
import { applyStagedFeed, stageText } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';
import { deliver, inDays, trackedProduct } from '../tracking/support';
import { overtakingIn } from './overtaking';
import { countingIn } from './support';

/** A count that is `resolving` when a newer number of its place comes. */

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { about, adjust, approve, count, countAll, lineOf, now, resolve, sheetOf, submit } = countingIn(
  () => shop,
);
const { imported, kept, settleSheets } = overtakingIn(() => shop);

async function booked(sku: string, quantity: number): Promise<string> {
  const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  await shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [order.orderId]);
  return order.orderId;
}

async function countedAs(sku: string, counted: number, countedAt?: string): Promise<SheetView> {
  const sheet = await sheetOf([sku]);
  await count(sheet, sku, counted, countedAt);
  return submit(sheet);
}

/** 10 on hand, 8 promised; a count of 3 keeps 2 and awaits 5. The message that takes it on is lost. */
async function awaiting(sku: string): Promise<{ sku: string; older: SheetView; orders: string[] }> {
  const reserved = orderOf({ [sku]: 4 });
  await shop.place(reserved);
  const orders = [reserved.orderId, await booked(sku, 4)];
  const older = await countedAs(sku, 3);
  expect((await resolve(older)).lines[0]).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  return { sku, older, orders };
}
const tenOnHand = async () => awaiting(await shop.product({ AMS: 10 }));

/** Nobody gives up anything for the count, and it closes by the message that ended it. */
async function expectOvertaken(older: SheetView, orders: readonly string[]): Promise<void> {
  await settleAllPromised(shop.db);
  expect(await kept(orders)).toEqual([4, 4]);
  await settleSheets();
  expect(await readSheet(shop.db, older.id)).toMatchObject({
    status: 'closed',
    lines: [{ status: 'superseded', resolving: null }],
  });
  expect(await kept(orders)).toEqual([4, 4]);
}

describe('a newer count', () => {
  test.each([
    ['approved', approve],
    ['approved with resolveReserved', resolve],
  ])('that covers what is promised and is %s is applied, and nobody gives up anything', async (_, decide) => {
    const { sku, older, orders } = await tenOnHand();
    const newer = await countedAs(sku, 9);
    expect((await decide(newer)).lines[0]).toMatchObject({ status: 'approved', variance: -1 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 8] });
    await expectOvertaken(older, orders);
  });

  test('that is below what is promised awaits what it misses itself, and the older one nothing', async () => {
    const { sku, older, orders } = await tenOnHand();
    const newer = await countedAs(sku, 7);
    expect((await resolve(newer)).lines[0]).toMatchObject({
      status: 'resolving',
      resolving: { missing: 3, awaited: 1 },
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 10] });
    await settleAllPromised(shop.db);
    await settleSheets();
    expect(await kept(orders)).toEqual([3, 4]);
    expect(await lineOf(newer)).toMatchObject({ status: 'approved' });
    expect(await lineOf(older)).toMatchObject({ status: 'superseded' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 7] });
  });

  test('is not resolved over by one that is older', async () => {
    const sku = await shop.product({ AMS: 10 });
    const before = await countedAs(sku, 8, await now());
    const { older: newer } = await awaiting(sku);
    expect((await resolve(before)).lines[0]).toMatchObject({ status: 'review', code: 'BELOW_RESERVED' });
    expect(await lineOf(newer)).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
  });
});

test('a newer setTo is refused only below what is promised to somebody; those who wait get what the count kept', async () => {
  const { sku, older, orders } = await tenOnHand();
  await expect(adjust(sku, { setTo: 7 })).rejects.toMatchObject({
    code: 'BELOW_RESERVED',
    details: { reserved: 8 },
  });
  expect(await lineOf(older)).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
  const waits = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
  await shop.place(waits);
  await adjust(sku, { setTo: 9 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 9] });
  expect(await kept([waits.orderId])).toEqual([1]);
  await expectOvertaken(older, orders);
});

test('nobody gives up anything for a count where a lot has a newer number already', async () => {
  const sku = await trackedProduct(shop, { lots: true });
  await deliver(shop.db, [{ sku, quantity: 10, lot: { code: 'A', expiresOn: inDays(30) } }]);
  const order = orderOf({ [sku]: 8 });
  await shop.place(order);
  const sheet = await sheetOf([sku]);
  await countAll(sheet, [{ sku, lots: [{ code: 'A', counted: 3 }] }]);
  await submit(sheet);
  await resolve(sheet);
  await shop.db.pool.query(
    `update lots l set number_as_of = clock_timestamp() from products p where p.id = l.product_id and p.sku = $1`,
    [sku],
  );
  await settleAllPromised(shop.db);
  expect(await kept([order.orderId])).toEqual([8]);
  await settleSheets();
  expect(await lineOf(sheet)).toMatchObject({ status: 'superseded' });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 8] });
});

test('a setTo of before the count does not end it', async () => {
  const sku = await shop.product({ AMS: 10 });
  const then = await now();
  const { older } = await awaiting(sku);
  await expect(adjust(sku, { setTo: 9, asOf: then })).rejects.toMatchObject({ code: 'BELOW_RESERVED' });
  await adjust(sku, { setTo: 10, asOf: then });
  expect(await lineOf(older)).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
});

test('so does a row of a feed that says less', async () => {
  const { sku, older, orders } = await tenOnHand();
  const waits = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
  await shop.place(waits);
  const other = await shop.product({ AMS: 5 });
  const { result } = await imported(['sku,location,quantity', `${other},AMS,6`, `${sku},AMS,9`]);
  expect(result).toMatchObject({ rejected: 0, applied: 2 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 9] });
  expect(await kept([waits.orderId])).toEqual([1]);
  await expectOvertaken(older, orders);
});

test.each([
  ['covers what is promised only without what the count keeps', 9, [9, 8]],
  ['leaves more than everything that is reserved', 12, [12, 8]],
])(
  'so does a row that %s, where the count is approved while its batch is being decided',
  async (_, units, levels) => {
    const sku = await shop.product({ AMS: 10 });
    const reserved = orderOf({ [sku]: 4 });
    await shop.place(reserved);
    const orders = [reserved.orderId, await booked(sku, 4)];
    const older = await countedAs(sku, 3);
    const other = await shop.product({ AMS: 1 });
    const client = new Client({ connectionString: shop.url });
    await client.connect();
    try {
      // What is being written before the time of the feed holds the batch up once it has looked for counts.
      await client.query('begin');
      await client.query(
        `with sold as (update stock set on_hand = on_hand - 1 where product_id = (select id from products where sku = $1)
                     returning product_id, warehouse_id)
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select product_id, warehouse_id, 'ship', -1, 0, gen_random_uuid() from sold`,
        [other],
      );
      const jobId = await stageText(shop.db, `sku,location,quantity\n${sku},AMS,${units}`);
      const importing = applyStagedFeed(shop.db, jobId);
      await waitFor(async () => {
        const { rowCount } = await shop.db.pool.query(
          `select from pg_stat_activity where datname = current_database() and query like '%ledger_final_until()%' and pid <> pg_backend_pid()`,
        );
        return (rowCount ?? 0) > 0;
      });
      expect((await resolve(older)).lines[0]).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
      await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
      await client.query('commit');
      expect(await importing).toMatchObject({ rejected: 0, applied: 1 });
    } finally {
      await client.end();
    }
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: levels });
    await expectOvertaken(older, orders);
  },
);

test('a row is not refused for what a count kept that was approved and rejected while its batch is being decided', async () => {
  const sku = await shop.product({ AMS: 10 });
  const reserved = orderOf({ [sku]: 8 });
  await shop.place(reserved);
  const sheet = await countedAs(sku, 3);
  const jobId = await stageText(shop.db, `sku,location,quantity\n${sku},AMS,9`);
  /** What somebody else does once the batch has run a statement, the first time. */
  const meanwhile: Record<string, () => Promise<unknown>> = {
    'ledger.staged_meets_holds': () => resolve(sheet),
    'ledger.apply_staged_set': () => rejectCount(withStock(shop.db), about(sheet)),
  };
  const done: string[] = [];
  const outside = new AsyncResource('somebody else');
  const interrupted: Database = {
    ...shop.db,
    retrying: (work, limits) =>
      shop.db.retrying(
        (tx) =>
          work({
            ...tx,
            async query(statement) {
              const result = await tx.query(statement);
              const act = meanwhile[statement.name];
              if (act && !done.includes(statement.name)) {
                done.push(statement.name);
                await outside.runInAsyncScope(act);
              }
              return result;
            },
          }),
        limits,
      ),
  };
  expect(await applyStagedFeed(interrupted, jobId)).toMatchObject({ rejected: 0, applied: 1 });
  expect(done).toEqual(Object.keys(meanwhile));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 8] });
});

test('a row of a feed that says what is on hand anyway is an echo of our own number, and the count goes on', async () => {
  const { sku, older } = await tenOnHand();
  const { result } = await imported(['sku,location,quantity', `${sku},AMS,10`]);
  expect(result).toMatchObject({ rejected: 0, applied: 0, unchanged: 1 });
  expect(await lineOf(older)).toMatchObject({ status: 'resolving' });
});

test('a row of a feed below what is promised is rejected, and the count goes on', async () => {
  const { sku, older } = await tenOnHand();
  const { result, csv } = await imported(['sku,location,quantity', `${sku},AMS,7`]);
  expect(result).toMatchObject({ rejected: 1 });
  expect(csv).toContain('BELOW_RESERVED');
  expect(await lineOf(older)).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
});

test('so does a row that says less of a lot, and one that says what is on hand anyway does not', async () => {
  const sku = await trackedProduct(shop, { lots: true });
  await deliver(shop.db, [{ sku, quantity: 10, lot: { code: 'A', expiresOn: inDays(30) } }]);
  const reserved = orderOf({ [sku]: 4 });
  await shop.place(reserved);
  const orders = [reserved.orderId, await booked(sku, 4)];
  const older = await sheetOf([sku]);
  await countAll(older, [{ sku, lots: [{ code: 'A', counted: 3 }] }]);
  await submit(older);
  expect((await resolve(older)).lines[0]).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
  await shop.db.pool.query(`delete from outbox where topic = 'count.settle'`);
  const waits = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
  await shop.place(waits);
  const header = 'sku,location,lot,quantity';
  expect((await imported([header, `${sku},AMS,A,7`])).csv).toContain('BELOW_RESERVED');
  expect(await lineOf(older)).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
  expect((await imported([header, `${sku},AMS,A,10`])).result).toMatchObject({ rejected: 0, unchanged: 1 });
  expect(await lineOf(older)).toMatchObject({ resolving: { missing: 7, awaited: 5 } });
  expect((await imported([header, `${sku},AMS,A,9`])).result).toMatchObject({ rejected: 0 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 9] });
  expect(await kept([waits.orderId])).toEqual([1]);
  await expectOvertaken(older, orders);
});
