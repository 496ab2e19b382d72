import { parse } from 'csv-parse/sync';
import { adjustStock, type AdjustmentChange } from '../../domain/stock/adjustments/adjust';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { correctReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { recallLot } from '../../domain/warehousing/quality/blocked-lots';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, orderOf, viewOf, type OrderShop } from '../db/support';
import { stoppedParcelsOf } from '../fulfilment/stopped-parcels';
import { importFeed, type ImportOptions } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, trackedProduct, withSerials } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

async function now(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ now: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
  );
  return rows[0]?.now ?? '';
}

/** A product kept by lot, with these units of each lot in AMS. */
async function withLots(lots: Readonly<Record<string, number>>): Promise<string> {
  const sku = await trackedProduct(shop, { lots: true });
  const lines = Object.entries(lots).map(([code, quantity], place) => ({
    sku,
    quantity,
    lot: { code, expiresOn: inDays(30 + place) },
  }));
  if (lines.length > 0) await deliver(shop.db, lines);
  return sku;
}

/** The result of a feed, and line, code and lot of each of its rejects. */
async function imported(rows: readonly string[], options: ImportOptions = {}) {
  const jobId = newId();
  const result = await importFeed(shop.db, rows.join('\n'), { ...options, jobId });
  let csv = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) csv += part;
  const rejects = parse<Record<string, string>>(csv, { columns: true });
  return { result, csv, rejects: rejects.map(({ line, code, lot }) => [Number(line), code, lot]) };
}

function adjust(sku: string, change: AdjustmentChange, lot?: { code: string; quantity: number }) {
  const rest = { sku, location: 'AMS', reason: 'test', actor: 'test', effectId: newId() };
  return adjustStock(withStock(shop.db), { ...rest, change, named: { lots: lot ? [lot] : [] } });
}

const HEADER = 'sku,location,lot,quantity';

test('a row sets its lot, and no other one; what the feed does not name is said in the result', async () => {
  const sku = await withLots({ A: 5, B: 4, C: 3 });
  await adjust(sku, { delta: 2 });
  const { result, rejects } = await imported([
    HEADER,
    `${sku},AMS,A,7`,
    `${sku},AMS,B,4`,
    `${sku},AMS,NEW,1`,
    `${sku},BER,B,6`,
    `${sku},NYC,B,0`,
  ]);
  expect(rejects).toEqual([]);
  expect(result).toMatchObject({ applied: 3, unchanged: 2, rejected: 0 });
  expect(result['lots']).toEqual({
    withoutLot: 2,
    otherLots: 3,
    items: [
      { sku, location: 'AMS', lot: 'C', quantity: 3 },
      { sku, location: 'AMS', lot: null, quantity: 2 },
    ],
  });
  expect(await lotsOf(shop.db, sku)).toEqual([
    'A@AMS: 7',
    'B@AMS: 4',
    'B@BER: 6',
    'C@AMS: 3',
    'UNKNOWN@AMS: 2',
    'NEW@AMS: 1',
  ]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [17, 0], BER: [6, 0] });
});

test('a row without a lot sets nothing of a product that is kept by lot, and the result says how many there are', async () => {
  const [sku, plain] = [await withLots({ A: 5 }), await shop.product({ AMS: 1 })];
  const { result, rejects, csv } = await imported([
    'sku,location,quantity',
    `${sku},AMS,9`,
    `${plain},AMS,9`,
  ]);
  expect(rejects).toEqual([[2, 'LOT_MISSING', undefined]]);
  expect(csv.split('\n')[0]).toBe('line,sku,location,quantity,code,reason,asOf,reference,rowReason');
  expect(result).toMatchObject({ applied: 1, rejected: 1, rowsWithoutLot: 1 });
  expect(result).not.toHaveProperty('lots');
  const named = await imported([HEADER, `${sku},AMS,,9`, `${sku},AMS,A,6`]);
  expect(named.rejects).toEqual([[2, 'LOT_MISSING', '']]);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 6']);
});

test('a lot of a product without lots, and a number of one with serial numbers, are rejected', async () => {
  const [plain, serial] = [await shop.product({ AMS: 1 }), await withSerials(shop, 'S-1', 'S-2')];
  const { rejects, csv } = await imported([
    HEADER,
    `${plain},AMS,A,9`,
    `${serial},AMS,,1`,
    `${serial},AMS,A,1`,
  ]);
  expect(rejects).toEqual([
    [2, 'LOT_NOT_TRACKED', 'A'],
    [3, 'SERIAL_TRACKED', ''],
    [4, 'SERIAL_TRACKED', 'A'],
  ]);
  expect(csv.split('\n')[0]).toBe(
    'line,sku,location,quantity,code,reason,asOf,reference,rowReason,lot,expiresOn',
  );
  expect((await imported([HEADER, `${plain},AMS,A,1`], { mode: 'delta' })).rejects).toEqual([
    [2, 'LOT_NOT_TRACKED', 'A'],
  ]);
  expect(await levelsOf(shop.db, plain)).toEqual({ AMS: [1, 0] });
  expect(await levelsOf(shop.db, serial)).toEqual({ AMS: [2, 0] });
});

test('a number of a lot carries a time: what moved since stays applied, corrections of before do not', async () => {
  const sku = await withLots({ A: 10, B: 10 });
  const before = await now();
  const then = await now();
  await adjust(sku, { delta: -3 }, { code: 'A', quantity: 3 });
  // The books were wrong before `then`, which is said later.
  await adjust(sku, { delta: -2, kind: 'correction', asOf: before }, { code: 'A', quantity: 2 });
  await adjust(sku, { delta: -1 }, { code: 'B', quantity: 1 });
  expect((await imported([HEADER, `${sku},AMS,A,8`], { asOf: then })).result).toMatchObject({ unchanged: 1 });
  expect((await imported([HEADER, `${sku},AMS,A,9`], { asOf: then })).result).toMatchObject({ applied: 1 });
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 6', 'B@AMS: 9']);
});

test('units of a lot that left with a parcel which had been stopped have moved since', async () => {
  const { cancelledParcel, tell } = stoppedParcelsOf(() => shop);
  const sku = await withLots({ A: 10 });
  const { shipmentId } = await cancelledParcel(sku, 2);
  const then = await now();
  expect(await tell(shipmentId, 'picked_up')).toBe('applied');
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 8']);
  expect((await imported([HEADER, `${sku},AMS,A,10`], { asOf: then })).result).toMatchObject({
    unchanged: 1,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 0] });
});

test('the newest number of a lot or of its place counts, in whatever order they are posted', async () => {
  const sku = await withLots({ A: 10, B: 10 });
  const [first, second, third] = [await now(), await now(), await now()];
  const set = async (lot: string, quantity: number, asOf: string) => {
    const { result, rejects } = await imported([`${HEADER},asOf`, `${sku},AMS,${lot},${quantity},${asOf}`]);
    return rejects.length > 0 ? rejects[0]?.[1] : result['applied'];
  };
  expect(await set('A', 6, second)).toBe(1);
  expect(await set('A', 9, first)).toBe('OVERTAKEN');
  expect(await set('B', 7, first)).toBe(1);
  // A count of the whole place as of before the number of A says nothing of A any more.
  expect(await adjust(sku, { setTo: 20, asOf: first })).toMatchObject({ outcome: 'superseded', onHand: 13 });
  expect(await adjust(sku, { delta: 1, kind: 'correction', asOf: first })).toMatchObject({
    outcome: 'superseded',
  });
  expect(await adjust(sku, { setTo: 14, asOf: third })).toMatchObject({ outcome: 'applied', onHand: 14 });
  expect(await set('B', 1, second)).toBe('OVERTAKEN');
  // Of two as of one time the later posted counts, of a lot as of its place, and when it is sent once more.
  expect(await set('B', 5, third)).toBe(1);
  expect(await set('B', 4, third)).toBe(1);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 6', 'B@AMS: 4', 'UNKNOWN@AMS: 1']);
});

test('a time that has not come, or that is none, rejects the row of a lot', async () => {
  const sku = await withLots({ A: 5 });
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const rows = [`${HEADER},asOf`, `${sku},AMS,A,1,${later}`, `${sku},AMS,A,2,yesterday`];
  expect((await imported(rows)).rejects).toEqual([
    [2, 'ASOF_IN_FUTURE', 'A'],
    [3, 'ASOF_INVALID', 'A'],
  ]);
});

test('however a lot is written, it is one: different numbers of it are rejected, equal ones are one', async () => {
  const sku = await withLots({ 'L 1': 5, 'L 2': 5 });
  const { result, rejects } = await imported([
    HEADER,
    `${sku},AMS,L 1,7`,
    `${sku.toLowerCase()},ams,l  1,8`,
    `${sku},AMS,L 2,6`,
    `${sku},AMS, l 2 ,6`,
    `${sku},AMS,new,1`,
    `${sku},AMS,NEW,2`,
  ]);
  expect(rejects).toEqual([
    [2, 'CONFLICTING', 'L 1'],
    [3, 'CONFLICTING', 'l  1'],
    [6, 'CONFLICTING', 'new'],
    [7, 'CONFLICTING', 'NEW'],
  ]);
  expect(result).toMatchObject({ applied: 2, rejected: 4 });
  expect(await lotsOf(shop.db, sku)).toEqual(['L 1@AMS: 5', 'L 2@AMS: 6']);
});

test('a lot that may have been escaped is read as the one of both that is known, and is never made', async () => {
  const sku = await withLots({ '=A': 1, "'-B": 1, '+C': 1, "'+C": 1 });
  const { rejects } = await imported([
    HEADER,
    `${sku},AMS,'=A,5`,
    `${sku},AMS,'-b,6`,
    `${sku},AMS,'+C,7`,
    `${sku},AMS,'@D,8`,
    `${sku},AMS,@D,8`,
  ]);
  expect(rejects).toEqual([
    [4, 'LOT_AMBIGUOUS', "''+C"],
    [5, 'LOT_AMBIGUOUS', "''@D"],
  ]);
  expect(await lotsOf(shop.db, sku)).toEqual([
    '=A@AMS: 5',
    "'-B@AMS: 6",
    '+C@AMS: 1',
    "'+C@AMS: 1",
    '@D@AMS: 8',
  ]);
});

test('what is reserved, on hold or more than can be counted is not taken or set; units may change their lot', async () => {
  const sku = await withLots({ A: 5, B: 5 });
  await shop.place(orderOf({ [sku]: 8 }));
  const set = (a: number, b: number) => imported([HEADER, `${sku},AMS,A,${a}`, `${sku},AMS,B,${b}`]);
  expect((await set(1, 5)).rejects).toEqual([[2, 'BELOW_RESERVED', 'A']]);
  expect((await set(1, 9)).rejects).toEqual([]);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 1', 'B@AMS: 9']);
  expect((await set(2_147_483_647, 9)).rejects).toEqual([[2, 'QUANTITY_OVERFLOW', 'A']]);
  const held = await withLots({ BAD: 5, GOOD: 5 });
  await recallLot(withStock(shop.db), {
    sku: held,
    lot: 'BAD',
    recalled: true,
    reason: 'glass',
    actor: 'qa',
  });
  const rows = [HEADER, `${held},AMS,BAD,4`, `${held},AMS,GOOD,0`];
  const { rejects, csv } = await imported(rows);
  expect(rejects).toEqual([[2, 'BELOW_RESERVED', 'BAD']]);
  expect(csv).toContain('Of the lot 5 units are on quality hold or packed.');
});

test('units that a feed brings into a recalled lot are not on sale, also when they leave another one', async () => {
  const sku = await withLots({ BAD: 1, GOOD: 5 });
  await recallLot(withStock(shop.db), { sku, lot: 'BAD', recalled: true, reason: 'glass', actor: 'qa' });
  await imported([HEADER, `${sku},AMS,BAD,3`, `${sku},AMS,GOOD,3`]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 3] });
  await imported([HEADER, `${sku},AMS,BAD,4`]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 4] });
});

test('units of a lot that a feed brings go to those who wait', async () => {
  const sku = await withLots({});
  const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
  await shop.place(order);
  await imported([HEADER, `${sku},AMS,A,4`]);
  expect((await viewOf(shop.db, order.orderId)).items[0]?.backorderedQuantity).toBe(0);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 3] });
});

test('a delta feed adds to a lot and takes from it; without a lot the rules of other movements hold', async () => {
  const sku = await withLots({ A: 5, B: 5 });
  const { result, rejects } = await imported(
    [HEADER, `${sku},AMS,A,3`, `${sku},AMS,a,-1`, `${sku},AMS,B,-6`, `${sku},AMS,,1`, `${sku},AMS,C,2`],
    { mode: 'delta' },
  );
  expect(rejects).toEqual([[4, 'WOULD_GO_NEGATIVE', 'B']]);
  expect(result).toMatchObject({ applied: 4, rejected: 1 });
  expect(result).not.toHaveProperty('lots');
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 7', 'B@AMS: 5', 'UNKNOWN@AMS: 1', 'C@AMS: 2']);
});

test('rows with and without lots are applied in batches of any size, and a batch that is repeated changes nothing', async () => {
  const [sku, plain] = [await withLots({ A: 5, B: 5 }), await shop.product({ AMS: 1, BER: 1 })];
  const rows = [
    HEADER,
    `${plain},AMS,,3`,
    `${sku},AMS,A,6`,
    `${plain},BER,,4`,
    `${sku},AMS,B,7`,
    `${sku},BER,B,8`,
  ];
  expect((await imported(rows, { size: 1 })).result).toMatchObject({ applied: 5, left: 0 });
  expect((await imported(rows, { size: 2 })).result).toMatchObject({ unchanged: 5, left: 0 });
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 6', 'B@AMS: 7', 'B@BER: 8']);
  expect(await levelsOf(shop.db, plain)).toEqual({ AMS: [3, 0], BER: [4, 0] });
});

test('a lot that a receipt is corrected to had its units when the receipt came: a number as of then, or later, adds none', async () => {
  const sku = await trackedProduct(shop, { lots: true });
  const before = await now();
  const { id } = await deliver(shop.db, [{ sku, quantity: 10, lot: { code: 'A1' } }]);
  const then = await now();
  const correction = { receiptId: id, changeId: newId(), reason: 'mistyped', actor: 'clerk' };
  await correctReceipt(withStock(shop.db), {
    ...correction,
    corrections: [{ line: 1, lot: { code: 'A7' } }],
  });
  expect(await lotsOf(shop.db, sku)).toEqual(['A7@AMS: 10']);
  const rows = [HEADER, `${sku},AMS,A7,10`, `${sku},AMS,A1,0`];
  expect((await imported(rows, { asOf: then })).result).toMatchObject({ unchanged: 2, applied: 0 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 0] });
  // As of before the receipt there was none of either.
  const none = [HEADER, `${sku},AMS,A7,0`, `${sku},AMS,A1,0`];
  expect((await imported(none, { asOf: before })).result).toMatchObject({ unchanged: 2, applied: 0 });
});

test('units of a lot move when the entry of the ledger says so, as those of its place do', async () => {
  const sku = await withLots({ A: 5 });
  const client = await shop.db.pool.connect();
  let then = '';
  try {
    await client.query('begin');
    const here = `(select id from products where sku = $1), (select id from warehouses where code = 'AMS')`;
    const effect = newId();
    await client.query(`select move_lot(${here}, 'A', null, 3, 'adjust', $2, null, null)`, [sku, effect]);
    then = await now();
    await client.query(
      `with changed as (update stock set on_hand = on_hand + 3 where (product_id, warehouse_id) = (${here}))
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       values (${here}, 'adjust', 3, 0, $2)`,
      [sku, effect],
    );
    await client.query('commit');
  } finally {
    client.release();
  }
  expect((await imported([HEADER, `${sku},AMS,A,5`], { asOf: then })).result).toMatchObject({ unchanged: 1 });
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 8']);
});

test('a correction without a time stays until a newer number of its lot is posted', async () => {
  const sku = await withLots({ A: 1, B: 1 });
  const [first, second, third] = [await now(), await now(), await now()];
  const set = (lot: string, quantity: number, asOf: string) =>
    imported([HEADER, `${sku},AMS,${lot},${quantity}`], { asOf });
  await set('A', 10, first);
  await set('B', 5, third);
  await adjust(sku, { delta: -2, kind: 'correction' }, { code: 'A', quantity: 2 });
  await set('A', 10, first);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 8', 'B@AMS: 5']);
  // Units that nobody names are of any lot.
  await adjust(sku, { delta: -1, kind: 'correction' });
  await set('B', 5, third);
  expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 7', 'B@AMS: 5']);
  // A newer number of the lot has seen the units that were missing from it.
  await set('A', 9, second);
  expect((await lotsOf(shop.db, sku))[0]).toBe('A@AMS: 8');
});
