import { parse } from 'csv-parse/sync';
import { Client } from 'pg';
import { repairCounters } from '../../domain/assurance/repair/repair-sql';
import { adjustStock, type AdjustmentChange } from '../../domain/stock/adjustments/adjust';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { utcMicros } from '../../platform/database/pages';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, receive, type OrderShop } from '../db/support';
import { applyStagedFeed, importFeed, stageText, type ImportOptions } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const onHand = async (sku: string) => (await levelsOf(shop.db, sku))['AMS']?.[0] ?? 0;

async function now(shift = '0 seconds'): Promise<string> {
  const { rows } = await shop.db.pool.query<{ now: string }>(
    `select to_char((clock_timestamp() + $1::interval) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    [shift],
  );
  return rows[0]?.now ?? '';
}

function adjust(sku: string, change: AdjustmentChange) {
  const rest = { sku, location: 'AMS', reason: 'test', actor: 'test', effectId: newId() };
  return adjustStock(withStock(shop.db), { ...rest, change });
}

/** What became of the rows, and the codes of those that were rejected, by line. */
async function imported(text: string, options: ImportOptions = {}) {
  const jobId = newId();
  const { applied, unchanged } = await importFeed(shop.db, text, { ...options, jobId });
  const csv = await rejectsOf(jobId);
  const rejected = csv.trimEnd().split('\n').slice(1);
  return { applied, unchanged, rejected: rejected.map((row) => [row.split(',')[0], row.split(',')[4]]) };
}

const feedOf = (sku: string, quantity: number) => `sku,location,quantity\n${sku},AMS,${quantity}\n`;

test('what moved since a feed began, or since the time that it names, stays applied', async () => {
  const sku = await shop.product({ AMS: 10 });
  const jobId = await stageText(shop.db, feedOf(sku, 20));
  await receive(shop.db, sku, 'AMS', -3);
  await applyStagedFeed(shop.db, jobId);
  expect(await onHand(sku)).toBe(17);
  const then = await now();
  await receive(shop.db, sku, 'AMS', 5);
  expect(await imported(feedOf(sku, 17), { asOf: then })).toEqual({ applied: 0, unchanged: 1, rejected: [] });
  await imported(feedOf(sku, 10), { asOf: then });
  expect(await onHand(sku)).toBe(15);
});

test('a row that is older than a number that is known changes nothing and says so', async () => {
  const sku = await shop.product({ AMS: 10 });
  const then = await now();
  await adjust(sku, { setTo: 8 });
  expect(await imported(feedOf(sku, 12), { asOf: then })).toEqual({
    applied: 0,
    unchanged: 0,
    rejected: [['2', 'OVERTAKEN']],
  });
  expect(await onHand(sku)).toBe(8);
});

test('a column says as of when each row is true; of several about one place the newest counts', async () => {
  const [sku, other] = [await shop.product({ AMS: 10 }), await shop.product({ AMS: 10 })];
  const [first, second] = [await now(), await now()];
  await receive(shop.db, sku, 'AMS', 1);
  await receive(shop.db, other, 'AMS', 1);
  const rows = [
    'sku,location,quantity,As Of',
    `${sku},AMS,7,${second}`,
    `${sku},AMS,5,${first}`,
    `${other},AMS,4,`,
    `${other},AMS,3,2026-02-30T10:00:00Z`,
    `${other},AMS,3,2026-02-20 10:00`,
  ];
  expect(await imported(rows.join('\n'))).toEqual({
    applied: 2,
    unchanged: 0,
    rejected: [
      ['3', 'SUPERSEDED'],
      ['5', 'ASOF_INVALID'],
      ['6', 'ASOF_INVALID'],
    ],
  });
  expect([await onHand(sku), await onHand(other)]).toEqual([8, 4]);
});

test('lines that say different numbers of one place as of one time are all rejected, and equal ones are one', async () => {
  const [sku, other, third] = await Promise.all([1, 2, 3].map(() => shop.product({ AMS: 10 })));
  const [first, second] = [await now(), await now()];
  const rows = [
    'sku,location,quantity,asOf',
    `${sku},AMS,7,${second}`,
    `${other},AMS,4,`,
    `${sku!.toLowerCase()},ams,8,${second}`,
    `${other},AMS,4,`,
    `${sku},AMS,5,${first}`,
    `${third},AMS,3,${first}`,
    `${third},AMS,2,${second}`,
    `${third},AMS,2,${second.replace('Z', '+00:00')}`,
    `${other},AMS,4,`,
  ];
  expect(await imported(rows.join('\n'))).toEqual({
    applied: 5,
    unchanged: 0,
    rejected: [
      ['2', 'CONFLICTING'],
      ['4', 'CONFLICTING'],
      ['6', 'SUPERSEDED'],
      ['7', 'SUPERSEDED'],
    ],
  });
  expect(await Promise.all([sku!, other!, third!].map(onHand))).toEqual([10, 4, 2]);
});

test('lines that contradict each other are found wherever they stand in an upload, and what is rejected beside is told once', async () => {
  const [sku, other] = [await shop.product({ AMS: 10 }), await shop.product({ AMS: 10 })];
  // Several chunks.
  const between = Array.from({ length: 60_000 }, (_, n) => `NOWHERE-${n},AMS,1`);
  const rows = [
    'sku,location,quantity',
    `${sku},AMS,7`,
    `${other},AMS,3`,
    ...between,
    `${sku},AMS,8`,
    `${other},AMS,3`,
  ];
  const { applied, rejected } = await imported(rows.join('\n'));
  expect(applied).toBe(2);
  expect(rejected.filter(([, code]) => code === 'CONFLICTING')).toEqual([
    ['2', 'CONFLICTING'],
    ['60004', 'CONFLICTING'],
  ]);
  expect(rejected).toHaveLength(60_002);
  expect([await onHand(sku), await onHand(other)]).toEqual([10, 3]);
});

test('a refused number that several lines say is one reject, which says so', async () => {
  const sku = await shop.product({ AMS: 10 });
  const then = await now();
  await adjust(sku, { setTo: 8 });
  const jobId = newId();
  const text = `sku,location,quantity\n${sku},AMS,12\n${sku},AMS,12\n`;
  expect(await importFeed(shop.db, text, { asOf: then, jobId })).toMatchObject({
    applied: 0,
    rejected: 2,
    left: 0,
  });
  let csv = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) csv += part;
  expect(csv).toMatch(/\n3,[^\n]*,12,OVERTAKEN,[^\n]* 2 lines say so\.[^\n]*\n$/);
});

test('a row of a time that has not come is rejected', async () => {
  const sku = await shop.product({ AMS: 10 });
  const rows = ['sku,location,quantity,asOf', `${sku},AMS,7,${await now('1 hour')}`];
  expect((await imported(rows.join('\n'))).rejected).toEqual([['2', 'ASOF_IN_FUTURE']]);
  expect(await onHand(sku)).toBe(10);
});

test('a row that says what is so already is nothing new: an older number that comes later still counts', async () => {
  const sku = await shop.product({ AMS: 10 });
  const then = await now();
  expect(await imported(feedOf(sku, 10))).toMatchObject({ unchanged: 1 });
  expect(await adjust(sku, { setTo: 8, asOf: then })).toMatchObject({ outcome: 'applied', onHand: 8 });
});

test('a delta feed is movement: a number as of before it keeps it', async () => {
  const sku = await shop.product({ AMS: 10 });
  const then = await now();
  await imported(feedOf(sku, -2), { mode: 'delta' });
  await adjust(sku, { setTo: 9, asOf: then });
  expect(await onHand(sku)).toBe(7);
});

test('a number that goes below zero by what left since is rejected', async () => {
  const sku = await shop.product({ AMS: 10 });
  const then = await now();
  await receive(shop.db, sku, 'AMS', -6);
  expect((await imported(feedOf(sku, 5), { asOf: then })).rejected).toEqual([['2', 'WOULD_GO_NEGATIVE']]);
});

/** A batch that waits for the lock of its stock row, which another transaction has, while that does something to it. */
async function whileWaiting(
  sku: string,
  quantity: number,
  other: (client: Client) => Promise<unknown>,
): Promise<void> {
  const jobId = await stageText(shop.db, feedOf(sku, quantity));
  await resolveFeed(shop.db, jobId, 1);
  const client = new Client({ connectionString: shop.url });
  await client.connect();
  try {
    const here = `product_id = (select id from products where sku = $1)`;
    await client.query('begin');
    await client.query(`select 1 from stock where ${here} for no key update`, [sku]);
    const batch = applyNextBatch(withStock(shop.db), { jobId, lane: 1, size: 10, makeStock: false });
    await waitFor(async () => {
      const { rowCount } = await shop.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    });
    await other(client);
    await client.query('commit');
    await batch;
  } finally {
    await client.end();
  }
  await applyStagedFeed(shop.db, jobId);
}

/** Of the stock row of a product, as `here`. */
const rowOf = (sku: string, sql: string) => (client: Client) =>
  client.query(
    `with here as (select product_id, warehouse_id from stock where product_id = (select id from products where sku = $1))${sql}`,
    [sku],
  );

test('a batch keeps what moves while it waits for a row', async () => {
  const sku = await shop.product({ AMS: 10 });
  await whileWaiting(
    sku,
    20,
    rowOf(
      sku,
      `, counted as (update stock s set on_hand = s.on_hand - 1 from here h where s.product_id = h.product_id)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, warehouse_id, 'ship', -1, 0, gen_random_uuid() from here`,
    ),
  );
  expect(await onHand(sku)).toBe(19);
});

test('a batch decides again on a row that is corrected while it waits for it', async () => {
  const sku = await shop.product({ AMS: 10 });
  await whileWaiting(
    sku,
    20,
    rowOf(
      sku,
      `, counted as (
       update stock s set on_hand = 4, number_as_of = clock_timestamp(), corrections = s.corrections + 1
       from here h where s.product_id = h.product_id returning s.product_id, s.warehouse_id, s.number_as_of)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, as_of, number)
     select product_id, warehouse_id, 'count', -6, 0, gen_random_uuid(), number_as_of, 4 from counted`,
    ),
  );
  expect(await onHand(sku)).toBe(4);
});

test('a batch decides again on a row that is repaired while it waits for it', async () => {
  const sku = await shop.product({ AMS: 10 });
  const { productId, warehouseId } = await findStockKey(shop.db, { sku, location: 'AMS' });
  await shop.db.pool.query('update stock set on_hand = 12 where product_id = $1', [productId]);
  await whileWaiting(sku, 15, (client) => client.query(repairCounters(newId(), productId, warehouseId)));
  expect(await onHand(sku)).toBe(15);
});

test('a batch waits for what is still being written before its time, which its number knows already', async () => {
  const sku = await shop.product({ AMS: 10 });
  const client = new Client({ connectionString: shop.url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(
      `with counted as (update stock set on_hand = on_hand - 1 where product_id = (select id from products where sku = $1)
                        returning product_id, warehouse_id)
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select product_id, warehouse_id, 'ship', -1, 0, gen_random_uuid() from counted`,
      [sku],
    );
    // Nine are on the shelf: the tenth has been taken off it, and that is not committed yet.
    const jobId = await stageText(shop.db, feedOf(sku, 9));
    await resolveFeed(shop.db, jobId, 1);
    const batch = applyNextBatch(withStock(shop.db), { jobId, lane: 1, size: 10, makeStock: false });
    await waitFor(async () => {
      const { rowCount } = await shop.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and query like '%ledger_final_until()%' and pid <> pg_backend_pid()`,
      );
      return (rowCount ?? 0) > 0;
    });
    await client.query('commit');
    await batch;
  } finally {
    await client.end();
  }
  expect(await onHand(sku)).toBe(9);
});

test('a file of rejects that is sent again means the same: its rows keep their time, reference and reason', async () => {
  const known = await shop.product({ AMS: 10 });
  const then = await now();
  await adjust(known, { setTo: 8 });
  const late = newId().slice(0, 8);
  const [jobId, again] = [newId(), newId()];
  const rows = [
    'sku,location,quantity,asOf,reference,reason',
    `${known},AMS,12,,D-1,counted`,
    `${late},AMS,3,,D-2,late product`,
    `${late},AMS,4,yesterday,D-3,`,
  ];
  await importFeed(shop.db, rows.join('\n'), { jobId, asOf: then });
  const csv = await rejectsOf(jobId);
  const [header, ...rejected] = parse(csv);
  expect(header).toEqual([...HEADER, 'asOf', 'reference', 'rowReason']);
  expect(rejected.map((row) => [row[4], ...row.slice(6)])).toEqual([
    ['OVERTAKEN', then, 'D-1', 'counted'],
    ['UNKNOWN_SKU', then, 'D-2', 'late product'],
    ['ASOF_INVALID', 'yesterday', 'D-3', ''],
  ]);
  await shop.db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ($1, 'Late', 1, 'USD')`,
    [late],
  );
  await importFeed(shop.db, csv, { jobId: again });
  expect(await onHand(known)).toBe(8);
  expect(parse(await rejectsOf(again)).map((row) => row[4])).toEqual(['code', 'OVERTAKEN', 'ASOF_INVALID']);
  const ledger = await shop.db.pool.query<{ reason: string; reference: string; asOf: string }>(
    `select t.reason, t.reference, ${utcMicros('t.as_of')} as "asOf" from inventory_transactions t
     join products p on p.id = t.product_id where p.sku = $1`,
    [late],
  );
  expect(ledger.rows).toEqual([{ reason: 'late product', reference: `${again} D-2`, asOf: then }]);
});

const HEADER = ['line', 'sku', 'location', 'quantity', 'code', 'reason'];

async function rejectsOf(jobId: string): Promise<string> {
  let csv = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) csv += part;
  return csv;
}
