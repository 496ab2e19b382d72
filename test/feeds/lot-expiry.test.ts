import { parse } from 'csv-parse/sync';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readLot } from '../../domain/stock/tracking/lot-masters';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { importFeed, stageText, type ImportOptions } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, trackedProduct } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const HEADER = 'sku,location,lot,expiry date,quantity';
const lotted = () => trackedProduct(shop, { lots: true });
const expiryOf = async (sku: string, lot: string) => (await readLot(shop.db, sku, lot))?.expiresOn;

async function imported(rows: readonly string[], options: ImportOptions = {}) {
  const jobId = newId();
  await importFeed(shop.db, rows.join('\n'), { ...options, jobId });
  let csv = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) csv += part;
  const rejects = parse<Record<string, string>>(csv, { columns: true });
  return { csv, rejects, told: rejects.map(({ line, code, expiresOn }) => [Number(line), code, expiresOn]) };
}

test.each(['set', 'delta'] as const)('a %s feed makes new lots with their expiry', async (mode) => {
  const sku = await lotted();
  const { told } = await imported(
    [HEADER, `${sku},AMS,A,${inDays(30)},5`, `${sku},BER,a,${inDays(30)},2`, `${sku},BER,B,,3`],
    { mode },
  );
  expect(told).toEqual([]);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 5', 'A@BER: 2', 'B@BER: 3']);
  expect([await expiryOf(sku, 'A'), await expiryOf(sku, 'B')]).toEqual([inDays(30), null]);
});

test('an expiry that a lot is known otherwise with is said, not overwritten; the known one, or none, is taken', async () => {
  const sku = await lotted();
  await deliver(shop.db, [
    { sku, quantity: 1, lot: { code: 'A', expiresOn: inDays(30) } },
    { sku, quantity: 1, lot: { code: 'B', expiresOn: inDays(30) } },
    { sku, quantity: 1, lot: { code: 'C' } },
  ]);
  const { told, rejects, csv } = await imported([
    HEADER,
    `${sku},AMS,A,${inDays(31)},5`,
    `${sku},AMS,B,${inDays(30)},6`,
    `${sku},AMS,C,${inDays(30)},7`,
    `${sku},BER,B,,8`,
  ]);
  expect(told).toEqual([
    [2, 'LOT_EXPIRY_MISMATCH', inDays(31)],
    [4, 'LOT_EXPIRY_MISMATCH', inDays(30)],
  ]);
  expect(rejects[0]?.reason).toContain(inDays(30));
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 1', 'B@AMS: 6', 'B@BER: 8', 'C@AMS: 1']);
  expect(await expiryOf(sku, 'C')).toBeNull();
  // The rejects are read again with what they said.
  const again = await imported([
    csv.replaceAll(inDays(31), inDays(30)).replaceAll(`,C,${inDays(30)}`, ',C,'),
  ]);
  expect(again.told).toEqual([]);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 5', 'B@AMS: 6', 'B@BER: 8', 'C@AMS: 7']);
});

test('lines of a feed that say different expiries of one lot are all rejected, at whichever places', async () => {
  const sku = await lotted();
  const { told } = await imported([
    HEADER,
    `${sku},AMS,A,${inDays(30)},5`,
    `${sku},BER,a ,${inDays(31)},5`,
    `${sku},AMS,A,,5`,
    `${sku},AMS,B,${inDays(31)},5`,
    `${sku},AMS,B,,5`,
  ]);
  expect(told).toEqual([
    [2, 'LOT_EXPIRY_CONFLICTING', inDays(30)],
    [3, 'LOT_EXPIRY_CONFLICTING', inDays(31)],
    [4, 'LOT_EXPIRY_CONFLICTING', ''],
  ]);
  expect(await lotsOf(shop.db, sku)).toEqual(['B@AMS: 5']);
  expect(await expiryOf(sku, 'B')).toBe(inDays(31));
});

test('a day that can be read in two ways, or does not exist, is rejected; without a lot it says nothing', async () => {
  const [sku, plain] = [await lotted(), await shop.product({ AMS: 1 })];
  const days = ['03/04/2027', '2027-02-30', '20270401', '2027-13-01', '2027-04-01T00:00:00Z', '31.12.2027'];
  const { told } = await imported([
    HEADER,
    ...days.map((day, n) => `${sku},AMS,L${n},${day},1`),
    `${plain},AMS,,03/04/2027,4`,
  ]);
  expect(told).toEqual(days.map((day, n) => [n + 2, 'EXPIRY_INVALID', day]));
  expect(await lotsOf(shop.db, sku)).toEqual([]);
});

test('a lot that a feed makes with a day that has passed is not on sale', async () => {
  const sku = await lotted();
  await imported([HEADER, `${sku},AMS,OLD,${inDays(-2)},4`, `${sku},AMS,NEW,${inDays(30)},3`]);
  const { rows } = await shop.db.pool.query(
    'select on_hand, available from stock s join products p on p.id = s.product_id where p.sku = $1 and s.on_hand > 0',
    [sku],
  );
  expect(rows).toEqual([{ on_hand: 7, available: 3 }]);
});

test('feeds that make one lot at once with different days: one day is taken, the other said', async () => {
  for (let round = 0; round < 5; round++) {
    const sku = await lotted();
    const feeds = [`${sku},AMS,L,${inDays(30)},1`, `${sku},BER,L,${inDays(31)},1`];
    const batches = await Promise.all(
      feeds.map(async (row) => {
        const jobId = await stageText(shop.db, `${HEADER}\n${row}`);
        const { openLanes } = await resolveFeed(shop.db, jobId, 1);
        return { jobId, lane: openLanes[0] ?? 0, size: 100, makeStock: true };
      }),
    );
    const done = await Promise.all(batches.map((batch) => applyNextBatch(withStock(shop.db), batch)));
    expect(done.map(({ applied, rejected }) => [applied, rejected]).sort()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    const isFirst = done[0]?.applied === 1;
    expect(await expiryOf(sku, 'L')).toBe(isFirst ? inDays(30) : inDays(31));
    expect(await lotsOf(shop.db, sku)).toEqual([isFirst ? 'L@AMS: 1' : 'L@BER: 1']);
  }
});
