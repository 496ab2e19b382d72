import {
  approveCount,
  recount,
  rejectCount,
  submitCount,
} from '../../domain/warehousing/counting/decide-lines';
import { countLines } from '../../domain/warehousing/counting/count';
import { listSheets, readSheet } from '../../domain/warehousing/counting/sheets';
import type { NewSheet, SheetView } from '../../domain/warehousing/counting/types';
import { newId } from '../../platform/ids';
import {
  capture,
  levelsOf,
  openOrderShop,
  orderOf,
  PAYMENT,
  receive,
  twice,
  viewOf,
  type OrderShop,
} from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { countingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { sheetOf, countAll, count, approve, onHand, submit, about, sellOne, submitted } = countingIn(
  () => shop,
);

test('a sheet shows what was on hand when it was made, with where the ledger stood', async () => {
  const [sku, absent] = [await shop.product({ AMS: 10 }), await shop.product({})];
  const sheet = await sheetOf([sku, absent]);
  expect(sheet).toMatchObject({ location: 'AMS', status: 'open', tolerance: 0, actor: 'planner' });
  expect(sheet.lines.map(({ sku: of, expected, status }) => [of, expected, status]).sort()).toEqual(
    [
      [sku, 10, 'open'],
      [absent, 0, 'open'],
    ].sort(),
  );
  const { rows } = await shop.db.pool.query(
    `select l.position = (select max(id) from inventory_transactions t where t.product_id = l.product_id) as last
     from count_lines l join products p on p.id = l.product_id where sheet_id = $1 and p.sku = $2`,
    [sheet.id, sku],
  );
  expect(rows).toEqual([{ last: true }]);
  expect(await readSheet(shop.db, sheet.id)).toEqual(sheet);
});

test('the same sheet again returns the first, with what was expected then', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheetId = newId();
  const [first, again] = await twice(shop.db, () => sheetOf([sku], { sheetId }));
  expect(again).toEqual(first);
});

test('a sheet is of named products, of a category, or of all a location has', async () => {
  const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({ BER: 1 })];
  const category = newId();
  await shop.db.pool.query(
    `with made as (insert into categories (code, name) values ($1, $1) returning id)
     update products set category_id = made.id from made where sku = any ($2)`,
    [category, [sku, other]],
  );
  const skusOf = (sheet: SheetView) => sheet.lines.map((line) => line.sku);
  const of = (rest: Partial<NewSheet>) => sheetOf([], { skus: undefined, ...rest });
  expect(skusOf(await of({ category }))).toEqual([sku]);
  expect(skusOf(await of({ category, location: 'BER' }))).toEqual([other]);
  expect(skusOf(await of({ location: 'BER' }))).toContain(other);
  await expect(of({ category, location: 'NYC' })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
  await expect(of({ category: 'NO-SUCH' })).rejects.toMatchObject({ code: 'UNKNOWN_CATEGORY' });
  await expect(sheetOf(['NO-SUCH'])).rejects.toMatchObject({ code: 'UNKNOWN_SKU' });
  await expect(of({ location: 'NO-SUCH' })).rejects.toMatchObject({ code: 'UNKNOWN_LOCATION' });
});

test('what is sold and received between sheet and count is no variance, nor is what moves after the count', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku]);
  await sellOne(sku);
  await receive(shop.db, sku, 'AMS', 5);
  const counted = await count(sheet, sku, 14);
  expect(counted.lines[0]).toMatchObject({ expected: 10, moved: 4, variance: 0, countedBy: 'counter' });
  await sellOne(sku);
  expect(await submit(sheet)).toMatchObject({ status: 'closed', lines: [{ status: 'approved' }] });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [13, 0] });
});

test('what the ledger moved is exactly the sum of its entries after the snapshot', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku]);
  await Promise.all([
    ...Array.from({ length: 20 }, (_, n) => receive(shop.db, sku, 'AMS', n % 3 ? 2 : -1)),
    count(sheet, sku, 12),
  ]);
  const { rows } = await shop.db.pool.query<{ moved: number; variance: number; sums: number[] }>(
    `select l.moved, l.variance, array(
       select sum(on_hand_delta) over (order by t.id)::int from inventory_transactions t
       where t.product_id = l.product_id and t.id > l.position order by t.id) as sums
     from count_lines l where sheet_id = $1`,
    [sheet.id],
  );
  const [{ moved, variance, sums }] = rows as [(typeof rows)[0]];
  expect([0, ...sums]).toContain(moved);
  expect(variance).toBe(12 - (10 + moved));
});

test('a count that is sent again changes nothing, even when stock moved meanwhile; an equal number of another request counts anew', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku]);
  const key = newId();
  await twice(shop.db, () => countAll(sheet, [{ sku, counted: 9 }], key));
  await sellOne(sku);
  expect((await countAll(sheet, [{ sku, counted: 9 }], key)).lines[0]).toMatchObject({
    moved: 0,
    variance: -1,
  });
  expect((await count(sheet, sku, 9)).lines[0]).toMatchObject({ moved: -1, variance: 0 });
  expect((await count(sheet, sku, 8)).lines[0]).toMatchObject({ moved: -1, variance: -1 });
});

test('a blind sheet shows what was expected only once it is submitted', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku], { blind: true });
  expect((await count(sheet, sku, 8)).lines[0]).toMatchObject({
    expected: null,
    moved: null,
    variance: null,
    counted: 8,
  });
  expect((await submit(sheet)).lines[0]).toMatchObject({ expected: 10, moved: 0, variance: -2 });
});

test('a variance within the tolerance is applied at once; a larger one awaits a decision', async () => {
  const small = await submitted(8, { tolerance: 2 });
  expect(small.sheet).toMatchObject({ status: 'closed', lines: [{ status: 'approved', decidedBy: null }] });
  expect(await levelsOf(shop.db, small.sku)).toEqual({ AMS: [8, 0] });
  const large = await submitted(13, { tolerance: 2 });
  expect(large.sheet).toMatchObject({ status: 'review', lines: [{ status: 'review', variance: 3 }] });
  expect(await levelsOf(shop.db, large.sku)).toEqual({ AMS: [10, 0] });
});

test('an approval is applied once to what is there now, and says so in the ledger', async () => {
  const { sku, sheet } = await submitted(7);
  await receive(shop.db, sku, 'AMS', 5);
  const [first, again] = await twice(shop.db, () => approveCount(withStock(shop.db), about(sheet)));
  expect(again).toEqual(first);
  expect(first).toMatchObject({ status: 'closed', lines: [{ status: 'approved', decidedBy: 'boss' }] });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [12, 0] });
  const { rows } = await shop.db.pool.query(
    `select on_hand_delta, reference, actor from inventory_transactions where kind = 'count' and reference = $1`,
    [`count:${sheet.id}`],
  );
  expect(rows).toEqual([{ on_hand_delta: -3, reference: `count:${sheet.id}`, actor: 'boss' }]);
});

test('ten approvals at once are one', async () => {
  const { sku, sheet } = await submitted(13);
  await Promise.all(Array.from({ length: 10 }, () => approveCount(withStock(shop.db), about(sheet))));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [13, 0] });
});

test('a variance below what is reserved stays for a person, and is applied once the reservation is gone', async () => {
  const sku = await shop.product({ AMS: 10 });
  const sheet = await sheetOf([sku], { tolerance: 100 });
  const paid = orderOf({ [sku]: 2 }, { payment: PAYMENT });
  await shop.place(paid);
  await capture(shop.db, paid.orderId);
  const unpaid = [orderOf({ [sku]: 3 }), orderOf({ [sku]: 1 })] as const;
  for (const order of unpaid) await shop.place(order);
  await count(sheet, sku, 3);
  expect(await submit(sheet)).toMatchObject({
    status: 'review',
    lines: [
      {
        status: 'review',
        code: 'BELOW_RESERVED',
        variance: -7,
        reservations: [
          { orderId: unpaid[1].orderId, kind: 'order', status: 'pending', quantity: 1 },
          { orderId: unpaid[0].orderId, kind: 'order', status: 'pending', quantity: 3 },
          { orderId: paid.orderId, kind: 'order', status: 'confirmed', quantity: 2 },
        ],
      },
    ],
  });
  expect((await approveCount(withStock(shop.db), about(sheet))).lines[0]).toMatchObject({
    code: 'BELOW_RESERVED',
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 6] });
  await receive(shop.db, sku, 'AMS', 3);
  expect((await approveCount(withStock(shop.db), about(sheet))).lines[0]).toMatchObject({
    status: 'approved',
    code: null,
    reservations: null,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 6] });
});

test('units that are found go to waiting backorders', async () => {
  const sku = await shop.product({});
  const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
  await shop.place(order);
  const sheet = await sheetOf([sku]);
  await count(sheet, sku, 3);
  await submit(sheet);
  await approveCount(withStock(shop.db), about(sheet));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 2] });
  expect((await viewOf(shop.db, order.orderId)).items[0]).toMatchObject({ reservedQuantity: 2 });
});

test('a rejected line leaves the stock, and a sheet that nobody counts can be ended so', async () => {
  const { sku, sheet } = await submitted(3);
  await twice(shop.db, () => rejectCount(withStock(shop.db), about(sheet)));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 0] });
  await expect(approveCount(withStock(shop.db), about(sheet))).rejects.toMatchObject({
    code: 'COUNT_NOT_IN_REVIEW',
  });
  const unused = await sheetOf([sku]);
  expect(await rejectCount(withStock(shop.db), about(unused))).toMatchObject({ status: 'closed' });
});

test('a recount begins a new round, while the other lines stay where they are', async () => {
  const [a, b] = [await shop.product({ AMS: 10 }), await shop.product({ AMS: 10 })];
  const sheet = await sheetOf([a, b]);
  await countAll(sheet, [
    { sku: a, counted: 1 },
    { sku: b, counted: 2 },
  ]);
  await submit(sheet);
  const again = await twice(shop.db, () => recount(withStock(shop.db), about(sheet, [a])));
  expect(again[0].status).toBe('open');
  expect(again[0].lines.find((line) => line.sku === a)).toMatchObject({
    status: 'open',
    counted: null,
    variance: null,
    round: 2,
  });
  await expect(count(sheet, b, 3)).rejects.toMatchObject({ code: 'COUNT_NOT_OPEN' });
  await expect(submit(sheet)).rejects.toMatchObject({ code: 'COUNT_INCOMPLETE', details: { skus: [a] } });
  await approveCount(withStock(shop.db), about(sheet, [b]));
  await count(sheet, a, 10);
  expect(await submit(sheet)).toMatchObject({ status: 'closed' });
  expect([await levelsOf(shop.db, a), await levelsOf(shop.db, b)]).toEqual([
    { AMS: [10, 0] },
    { AMS: [2, 0] },
  ]);
});

test('a count that finds less than has left since stays for a person', async () => {
  const { sku, sheet } = await submitted(1);
  await sellOne(sku);
  await sellOne(sku);
  expect(await approve(sheet)).toMatchObject({
    status: 'review',
    lines: [{ code: 'WOULD_GO_NEGATIVE', variance: -9 }],
  });
});

test('a first count of something that a location never had makes its stock', async () => {
  const sku = await shop.product({});
  const sheet = await sheetOf([sku]);
  await count(sheet, sku, 2);
  await submit(sheet);
  await approveCount(withStock(shop.db), about(sheet));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
});

test('counts, submissions and approvals of crossing sheets at once leave what the newest count found', async () => {
  const skus = [await shop.product({ AMS: 50 }), await shop.product({ AMS: 50 })];
  const sheets = await Promise.all(
    Array.from({ length: 8 }, (_, n) => sheetOf(n % 2 ? skus : [...skus].reverse())),
  );
  await Promise.all(
    sheets.map(async (sheet, n) => {
      await countAll(
        sheet,
        skus.map((sku) => ({ sku, counted: 50 + n })),
      );
      await submit(sheet);
      await approve(sheet);
    }),
  );
  const { rows } = await shop.db.pool.query<{ counted: number }>(
    `select distinct on (product_id) counted from count_lines where sheet_id = any ($1)
     order by product_id, counted_at desc`,
    [sheets.map((sheet) => sheet.id)],
  );
  const levels = await Promise.all(skus.map(onHand));
  expect([...levels].sort()).toEqual(rows.map((row) => row.counted).sort());
});

test.each([
  [
    'a sheet that is not there',
    () => submitCount(withStock(shop.db), { sheetId: newId(), actor: 'test' }),
    'NOT_FOUND',
  ],
  [
    'a count for a sheet that is not there',
    () =>
      countLines(shop.db, {
        sheetId: newId(),
        counts: [{ sku: 'A', counted: 1 }],
        actor: 'x',
        countId: newId(),
      }),
    'NOT_FOUND',
  ],
  [
    'a product that is not on the sheet',
    async () => count(await sheetOf([await shop.product({})]), 'NO-SUCH', 1),
    'UNKNOWN_SKU',
  ],
  [
    'an approval before anything was submitted',
    async () => approveCount(withStock(shop.db), about(await sheetOf([await shop.product({})]))),
    'COUNT_NOT_IN_REVIEW',
  ],
] as const)('%s is refused', async (_name, attempt, code) => {
  await expect(attempt()).rejects.toMatchObject({ name: 'AppError', code });
});

test('sheets are listed newest first by place and status', async () => {
  const { sheet } = await submitted(3);
  const page = { limit: 1, offset: 0 };
  expect((await listSheets(shop.db, { status: 'review', location: 'AMS', ...page })).items).toEqual([sheet]);
  expect((await listSheets(shop.db, { location: 'NYC', ...page })).items).toEqual([]);
});
