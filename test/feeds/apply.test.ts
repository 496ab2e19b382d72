import { finishFeed } from '../../domain/stock/feeds/finish';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readUpload } from '../../domain/uploads/uploads';
import { stageFeed } from '../../domain/stock/feeds/stage';
import type { FeedMode } from '../../domain/stock/feeds/types';
import { beginJob } from '../../domain/jobs/jobs';
import { newId } from '../../platform/ids';
import {
  capture,
  carry,
  compensate,
  openOrderShop,
  orderOf,
  PAYMENT,
  receive,
  twice,
  viewOf,
  type OrderShop,
} from '../db/support';
import { openBarriers } from '../faults/barrier';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterAll(() => shop.close());
afterEach(() => expectInvariants(shop.db));

async function* bytes(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

async function stage(mode: FeedMode, rows: readonly (readonly [string, string, number])[], jobId = newId()) {
  const text = ['sku,location,quantity', ...rows.map((row) => row.join(','))].join('\n');
  const { job } = await stageFeed(shop.db, {
    jobId,
    actor: 'test',
    mode,
    format: 'csv',
    location: null,
    source: bytes(text),
  });
  await beginJob(shop.db, jobId);
  return job.jobId;
}

async function drain(jobId: string, size = 2): Promise<void> {
  const { openLanes } = await readUpload(shop.db, jobId);
  await Promise.all(
    openLanes.map(async (lane) => {
      while ((await applyNextBatch(withStock(shop.db), { jobId, lane, size, makeStock: false })).left > 0);
    }),
  );
}

async function importRows(
  mode: FeedMode,
  rows: readonly (readonly [string, string, number])[],
  size?: number,
) {
  const jobId = await stage(mode, rows);
  await resolveFeed(shop.db, jobId, 2);
  await drain(jobId, size);
  const { applied, unchanged, rejected, lines } = await readUpload(shop.db, jobId);
  let rejects = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) rejects += part;
  await finishFeed(shop.db, jobId, { as: 'completed' });
  expect(applied + unchanged + rejected).toBe(lines);
  return { jobId, counts: [applied, unchanged, rejected], rejects: rejects.trimEnd().split('\n').slice(1) };
}

async function levels(sku: string): Promise<Record<string, string>> {
  const found = await shop.db.pool.query<{ code: string; on_hand: number; reserved: number }>(
    `select w.code, s.on_hand, s.reserved from stock s join products p on p.id = s.product_id
     join warehouses w on w.id = s.warehouse_id where p.sku = $1`,
    [sku],
  );
  return Object.fromEntries(found.rows.map((row) => [row.code, `${row.on_hand}/${row.reserved}`]));
}

async function hold(sku: string, quantity: number): Promise<void> {
  await shop.place(orderOf({ [sku]: quantity }));
}

test('a set leaves what is so already alone, and neither it nor a delta goes below what is held or above what can be counted', async () => {
  const sku = await shop.product({ AMS: 10, BER: 5 });
  await hold(sku, 4);
  const set = await importRows('set', [
    [sku, 'AMS', 3],
    [sku, 'BER', 5],
    [sku, 'NYC', 7],
  ]);
  expect(set.counts).toEqual([1, 1, 1]);
  expect(set.rejects).toEqual([
    expect.stringMatching(
      new RegExp(`^2,${sku},AMS,3,BELOW_RESERVED,Less would be on hand than is reserved.,20[^,]+Z,,$`),
    ),
  ]);
  expect(await levels(sku)).toEqual({ AMS: '10/4', BER: '5/0', NYC: '7/0' });
  const delta = await importRows('delta', [
    [sku, 'AMS', -6],
    [sku, 'BER', -6],
    [sku, 'NYC', 2_147_483_641],
  ]);
  expect(delta.counts).toEqual([1, 0, 2]);
  expect(delta.rejects).toEqual([
    `3,${sku},BER,-6,WOULD_GO_NEGATIVE,Less would be on hand than nothing.,,`,
    `4,${sku},NYC,2147483641,QUANTITY_OVERFLOW,A quantity is at most 2147483647.,,`,
  ]);
  expect(await levels(sku)).toEqual({ AMS: '4/4', BER: '5/0', NYC: '7/0' });
});

test('what a place is short of is taken from what a feed brings', async () => {
  const sku = await shop.product({ AMS: 2 });
  const order = orderOf({ [sku]: 2 }, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  await compensate(shop.db, order.orderId, 'all');
  await hold(sku, 2);
  const [shipment] = (await viewOf(shop.db, order.orderId)).shipments;
  await carry(shop.db, shipment!.id, 'picked_up');
  expect(await levels(sku)).toEqual({ AMS: '2/2' });
  await importRows('delta', [
    [sku, 'AMS', 1],
    [sku, 'BER', 1],
  ]);
  expect(await levels(sku)).toEqual({ AMS: '2/2', BER: '1/0' });
  await importRows('delta', [[sku, 'AMS', 2]]);
  expect(await levels(sku)).toEqual({ AMS: '3/2', BER: '1/0' });
});

test('of several lines about one stock row a set takes those that say the same as one, and a delta the sum', async () => {
  const sku = await shop.product({ AMS: 10 });
  const contradicting = await importRows('set', [
    [sku, 'AMS', 3],
    [sku, 'AMS', 2],
    [sku.toLowerCase(), 'ams', 3],
  ]);
  expect(contradicting.counts).toEqual([0, 0, 3]);
  const set = await importRows('set', [
    [sku, 'AMS', 1],
    [sku.toLowerCase(), 'ams', 1],
  ]);
  expect(set.counts).toEqual([2, 0, 0]);
  expect(await levels(sku)).toEqual({ AMS: '1/0' });
  const delta = await importRows('delta', [
    [sku, 'AMS', -5],
    [sku, 'AMS', 9],
  ]);
  expect(delta.counts).toEqual([2, 0, 0]);
  expect(await levels(sku)).toEqual({ AMS: '5/0' });
  const tooMuch = await importRows('delta', [
    [sku, 'AMS', 2_147_483_647],
    [sku, 'AMS', 2_147_483_647],
  ]);
  expect(tooMuch.counts).toEqual([0, 0, 2]);
  expect(tooMuch.rejects[0]).toMatch(/^3,.*,4294967294,QUANTITY_OVERFLOW,.* 2 lines are summed here\.,,$/);
});

test('a SKU that is written with other capitals is taken only when just one fits', async () => {
  for (const sku of ['Both-1', 'BOTH-1', 'Only-1']) {
    await shop.db.pool.query(
      `insert into products (sku, name, price_minor, currency) values ($1, $1, 1, 'USD')`,
      [sku],
    );
  }
  const { counts, rejects } = await importRows('set', [
    ['both-1', 'AMS', 1],
    ['BOTH-1', 'AMS', 2],
    ['ONLY-1', 'AMS', 3],
  ]);
  expect(counts).toEqual([2, 0, 1]);
  expect(rejects).toEqual([
    expect.stringMatching(
      /^2,both-1,AMS,1,UNKNOWN_SKU,"There is no such product, or several that differ in capitals only and none exactly so\.",20[^,]+Z,,$/,
    ),
  ]);
  expect(await levels('Only-1')).toEqual({ AMS: '3/0' });
  expect(await levels('Both-1')).toEqual({});
});

/** A product or location of this very name. */
async function named(table: 'products' | 'warehouses', name: string): Promise<void> {
  await shop.db.pool.query(
    table === 'products'
      ? `insert into products (sku, name, price_minor, currency) values ($1, $1, 1, 'USD')`
      : `insert into warehouses (code, name, latitude, longitude, region) values ($1, $1, 1, 1, 'r')`,
    [name],
  );
}

const codesOf = (rejects: readonly string[]) => rejects.map((row) => row.split(',')[4]);

test('what our rejects have an apostrophe before is read as it was given, and a name that begins so is read as itself', async () => {
  const first = await importRows('set', [
    ['=ESCAPED', 'AMS', 1],
    ["'=ITSELF", 'AMS', 2],
    ['=BOTH', 'AMS', 3],
    ['+Capitals', '@PLACE', 4],
  ]);
  expect(codesOf(first.rejects)).toEqual(['UNKNOWN_SKU', 'UNKNOWN_SKU', 'UNKNOWN_SKU', 'UNKNOWN_SKU']);
  for (const sku of ['=ESCAPED', "'=ITSELF", '=BOTH', "'=BOTH", '+CAPITALS']) await named('products', sku);
  await named('warehouses', '@PLACE');
  const again = first.rejects.map((row) => row.split(',').slice(1, 4)) as [string, string, string][];
  expect(again.map(([sku]) => sku)).toEqual(["'=ESCAPED", "''=ITSELF", "'=BOTH", "'+Capitals"]);
  const second = await importRows(
    'set',
    again.map(([sku, location, quantity]) => [sku, location, Number(quantity)] as const),
  );
  expect(second.counts).toEqual([3, 0, 1]);
  expect(second.rejects).toEqual([expect.stringMatching(/^4,''=BOTH,AMS,3,SKU_AMBIGUOUS,/)]);
  expect(await levels('=ESCAPED')).toEqual({ AMS: '1/0' });
  expect(await levels("'=ITSELF")).toEqual({ AMS: '2/0' });
  expect(await levels('+CAPITALS')).toEqual({ '@PLACE': '4/0' });
  // What was written with its apostrophe in the first place is no other product's.
  const plain = await importRows('set', [["'ESCAPED", 'AMS', 5]]);
  expect(codesOf(plain.rejects)).toEqual(['UNKNOWN_SKU']);
  await named('warehouses', "'@PLACE");
  const place = await importRows('set', [['=ESCAPED', "'@PLACE", 5]]);
  expect(codesOf(place.rejects)).toEqual(['LOCATION_AMBIGUOUS']);
  await shop.db.pool.query(
    `delete from warehouses w where code like '%@PLACE' and not exists (select from stock s where s.warehouse_id = w.id)`,
  );
});

test('a default location that is written with other capitals is taken only when just one fits', async () => {
  for (const code of ['ams', 'Two', 'TWO']) {
    await shop.db.pool.query(
      `insert into warehouses (code, name, latitude, longitude, region) values ($1, $1, 1, 1, 'r')`,
      [code],
    );
  }
  const stageIn = (location: string) =>
    stageFeed(shop.db, {
      jobId: newId(),
      actor: 'test',
      mode: 'set',
      format: 'csv',
      location,
      source: bytes('sku,quantity\nX,1'),
    });
  for (const location of ['AMS', 'ams', 'TWO', 'ber']) {
    expect(await stageIn(location)).toMatchObject({ isNew: true });
  }
  for (const location of ['Ams', 'two', 'nowhere']) {
    await expect(stageIn(location)).rejects.toMatchObject({
      code: 'UNKNOWN_LOCATION',
      details: { location },
    });
  }
  await shop.db.pool.query(`delete from warehouses where code in ('ams', 'Two', 'TWO')`);
});

test('every step that is repeated changes nothing', async () => {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const rows = [
    [sku, 'AMS', 5],
    [sku, 'BER', 6],
  ] as const;
  const jobId = newId();
  await twice(shop.db, () => stage('set', rows, jobId));
  await twice(shop.db, () => resolveFeed(shop.db, jobId, 1));
  await applyNextBatch(withStock(shop.db), { jobId, lane: 1, size: 1, makeStock: false });
  await twice(shop.db, () => drain(jobId, 1));
  const results = await twice(shop.db, () => finishFeed(shop.db, jobId, { as: 'completed' }));
  expect(results[0]).toEqual(results[1]);
  expect(results[0]).toMatchObject({ applied: 2, unchanged: 0, rejected: 0, left: 0 });
  await twice(shop.db, () => finishFeed(shop.db, jobId, { as: 'cancelled' }));
});

test('the end of a feed counts the batch that is under way, and none begins after it', async () => {
  const sku = await shop.product({ AMS: 1, BER: 1, NYC: 1 });
  const jobId = await stage('set', [
    [sku, 'AMS', 5],
    [sku, 'BER', 6],
    [sku, 'NYC', 7],
  ]);
  await resolveFeed(shop.db, jobId, 1);
  const barriers = openBarriers(shop.url);
  const barrier = await barriers.block(
    `select from stock s join products p on p.id = s.product_id where p.sku = $1 for update of s`,
    [sku],
  );
  const batch = applyNextBatch(withStock(shop.db), { jobId, lane: 1, size: 1, makeStock: false });
  await barrier.reached();
  let ended = false;
  const ending = finishFeed(shop.db, jobId, { as: 'cancelled' }).finally(() => (ended = true));
  await waitFor(async () => {
    const waiting = await shop.db.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return ended || waiting.rowCount === 2;
  });
  await barriers.releaseAll();
  await batch;
  expect(await ending).toMatchObject({ applied: 1, left: 2 });
  const late = await applyNextBatch(withStock(shop.db), { jobId, lane: 1, size: 1, makeStock: false });
  expect(late).toMatchObject({ applied: 0, left: 0 });
  expect(await levels(sku)).toEqual({ AMS: '5/0', BER: '1/0', NYC: '1/0' });
});

test('what a feed brings goes to waiting backorders, first come, first served', async () => {
  const sku = await shop.product({ AMS: 1 });
  const waiting = [3, 2].map((quantity) => orderOf({ [sku]: quantity }, { fulfilment: 'backorder' }));
  for (const order of waiting) await shop.place(order);
  await importRows('set', [
    [sku, 'AMS', 4],
    [sku, 'BER', 1],
  ]);
  expect(await levels(sku)).toMatchObject({ AMS: '4/4', BER: '1/1' });
  const views = await Promise.all(waiting.map((order) => viewOf(shop.db, order.orderId)));
  expect(views.map((view) => view.items[0]?.backorderedQuantity)).toEqual([0, 0]);
});

test('a feed and changes of the same stock by others at the same time lose nothing', async () => {
  const skus = await Promise.all(Array.from({ length: 20 }, () => shop.product({ AMS: 100, BER: 100 })));
  const rows = skus.flatMap((sku) => [[sku, 'BER', 1] as const, [sku, 'AMS', 1] as const]);
  await Promise.all([
    importRows('delta', rows, 10),
    importRows('delta', [...rows].reverse(), 10),
    ...skus.map((sku) => receive(shop.db, sku, 'AMS', 5)),
    ...skus.map((sku) => hold(sku, 3)),
  ]);
  for (const sku of skus) expect(await levels(sku)).toEqual({ AMS: '107/3', BER: '102/0' });
});

test('two that look up one feed, and apply one lane, at the same time apply each row once', async () => {
  const skus = await Promise.all(Array.from({ length: 10 }, () => shop.product({ AMS: 0 })));
  const jobId = await stage(
    'delta',
    skus.map((sku) => [sku, 'AMS', 1] as const),
  );
  await Promise.all([resolveFeed(shop.db, jobId, 1), resolveFeed(shop.db, jobId, 1)]);
  await Promise.all([drain(jobId, 1), drain(jobId, 1), drain(jobId, 3)]);
  expect((await readUpload(shop.db, jobId)).applied).toBe(10);
  for (const sku of skus) expect(await levels(sku)).toEqual({ AMS: '1/0' });
});
