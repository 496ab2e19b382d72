import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { startTransfer } from '../../domain/stock/transfers/start';
import { countLines } from '../../domain/warehousing/counting/count';
import { approveCount, submitCount } from '../../domain/warehousing/counting/decide-lines';
import { makeSheet } from '../../domain/warehousing/counting/sheets';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, twice, type OrderShop } from '../db/support';
import { importFeed } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { countingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { sheetOf, count, approve, adjust, now, onHand, submit, sellOne, submitted } = countingIn(() => shop);

/** Two sheets for the same shelf, with 10 on hand: each counted at its own time. */
async function twoSheets(older: number, newer: number) {
  const sku = await shop.product({ AMS: 10 });
  const [first, second] = [await sheetOf([sku]), await sheetOf([sku])];
  await count(first, sku, older);
  await count(second, sku, newer);
  return { sku, first: await submit(first), second: await submit(second) };
}

test('two sheets for one shelf that were both counted 8 leave 8, in either order of approval', async () => {
  const forwards = await twoSheets(8, 8);
  await approve(forwards.first);
  expect(await approve(forwards.second)).toMatchObject({
    status: 'closed',
    lines: [{ status: 'approved', variance: 0 }],
  });
  const backwards = await twoSheets(8, 8);
  await approve(backwards.second);
  const [overtaken, again] = await twice(shop.db, () => approve(backwards.first));
  expect(overtaken).toMatchObject({ status: 'closed', lines: [{ status: 'superseded', counted: 8 }] });
  expect(again).toEqual(overtaken);
  expect(await approve(backwards.first, [backwards.sku])).toEqual(overtaken);
  expect([await onHand(forwards.sku), await onHand(backwards.sku)]).toEqual([8, 8]);
});

test('of crossing sheets that differ the newer count stays, in either order of approval, with what was sold since', async () => {
  for (const order of ['first', 'second'] as const) {
    const { sku, ...sheets } = await twoSheets(7, 9);
    await sellOne(sku);
    await approve(sheets[order]);
    await sellOne(sku);
    await approve(sheets[order === 'first' ? 'second' : 'first']);
    expect(await onHand(sku)).toBe(7);
  }
});

test('a line that was overtaken before it was submitted closes when it is', async () => {
  const sku = await shop.product({ AMS: 10 });
  const [first, second] = [await sheetOf([sku]), await sheetOf([sku])];
  await count(first, sku, 8);
  await count(second, sku, 9);
  await submit(second);
  await approve(second);
  expect(await submit(first)).toMatchObject({ status: 'closed', lines: [{ status: 'superseded' }] });
  expect(await onHand(sku)).toBe(9);
});

test('counted again after a clerk booked the breakage, nothing is off', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku]);
  expect((await count(sheet, sku, 8)).lines[0]).toMatchObject({ variance: -2 });
  await adjust(sku, { delta: -2 });
  expect((await count(sheet, sku, 8)).lines[0]).toMatchObject({ moved: -2, variance: 0 });
  expect(await submit(sheet)).toMatchObject({ status: 'closed', lines: [{ status: 'approved' }] });
  expect(await onHand(sku)).toBe(8);
});

test('a correction after the count is no movement: approved, on hand is what was counted; a movement stays applied', async () => {
  for (const [kind, left] of [
    ['correction', 8],
    ['movement', 6],
  ] as const) {
    const { sku, sheet } = await submitted(8);
    await adjust(sku, { delta: -2, kind });
    await approve(sheet);
    expect(await onHand(sku)).toBe(left);
  }
});

test('a correction of a batch is no movement either', async () => {
  const { sku, sheet } = await submitted(8);
  const update = { sku, location: 'AMS', delta: -1, reason: 'test' };
  await applyUpdates(withStock(shop.db), {
    batchId: newId(),
    atomic: true,
    actor: 'clerk',
    updates: [{ ...update, kind: 'correction' }, update],
  });
  await approve(sheet);
  expect(await onHand(sku)).toBe(7);
});

test('a correction that says since when is in a count of later, and stays on one of before', async () => {
  const { sku, sheet } = await submitted(8);
  const later = await now();
  await adjust(sku, { delta: -1, kind: 'correction', asOf: later });
  await approve(sheet);
  expect(await onHand(sku)).toBe(7);
  const before = await now();
  await adjust(sku, { setTo: 9 });
  expect(await adjust(sku, { delta: -1, kind: 'correction', asOf: before })).toMatchObject({
    outcome: 'superseded',
    onHand: 9,
  });
});

test('a count is as of the time that it names, and what moved since stays', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku]);
  const counted = await now();
  await sellOne(sku);
  expect((await count(sheet, sku, 10, counted)).lines[0]).toMatchObject({
    moved: 0,
    variance: 0,
    countedAt: counted,
  });
  await submit(sheet);
  expect(await onHand(sku)).toBe(9);
});

test('sales, transfers and unchanged rows of a feed after a count never refuse it', async () => {
  const { sku, sheet } = await submitted(8);
  await sellOne(sku);
  await startTransfer(withStock(shop.db), {
    transferId: newId(),
    sku,
    from: 'AMS',
    to: 'BER',
    quantity: 1,
    mode: 'immediate',
    actor: 'test',
    transitSeconds: 60,
  });
  await importFeed(shop.db, `sku,location,quantity\n${sku},AMS,8\n`);
  expect(await approve(sheet)).toMatchObject({ lines: [{ status: 'approved', variance: -2 }] });
  expect(await onHand(sku)).toBe(6);
});

test('a feed, a setTo or another count that is newer closes a line as superseded', async () => {
  const newer: ((sku: string) => Promise<unknown>)[] = [
    (sku) => importFeed(shop.db, `sku,location,quantity\n${sku},AMS,9\n`),
    (sku) => adjust(sku, { setTo: 9 }),
    // Says what is so already: it is true as of then all the same.
    async (sku) => {
      await adjust(sku, { delta: -1 });
      return adjust(sku, { setTo: 9 });
    },
  ];
  for (const post of newer) {
    const { sku, sheet } = await submitted(8);
    await post(sku);
    expect(await approve(sheet)).toMatchObject({ status: 'closed', lines: [{ status: 'superseded' }] });
    expect(await onHand(sku)).toBe(9);
  }
});

test('a count of a month that was dropped since stays for a person, and one of then is refused', async () => {
  const own = await openOrderShop();
  try {
    const sku = await own.product({ AMS: 10 });
    const made = await makeSheet(own.db, {
      sheetId: newId(),
      location: 'AMS',
      skus: [sku],
      blind: false,
      tolerance: 0,
      actor: 'planner',
    });
    const then = await now();
    const counted = (countedAt: string) =>
      countLines(own.db, {
        sheetId: made.id,
        counts: [{ sku, counted: 8, countedAt }],
        actor: 'counter',
        countId: newId(),
      });
    await counted(then);
    await submitCount(withStock(own.db), { sheetId: made.id, actor: 'test' });
    await own.db.pool.query(
      `insert into ledger_folds (partition, lower_bound, upper_bound, entries, opening_hash, hash)
       values ('x', 'epoch', clock_timestamp(), 0, ledger_opening_hash(), '\\x00')`,
    );
    expect(
      await approveCount(withStock(own.db), { sheetId: made.id, skus: undefined, actor: 'boss' }),
    ).toMatchObject({ status: 'review', lines: [{ code: 'ASOF_BEFORE_RETENTION' }] });
    expect(await levelsOf(own.db, sku)).toEqual({ AMS: [10, 0] });
    await expect(counted(then)).rejects.toMatchObject({ code: 'ASOF_BEFORE_RETENTION' });
  } finally {
    await own.close();
  }
});
