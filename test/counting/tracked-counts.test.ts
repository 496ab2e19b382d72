import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { approveCount, recount } from '../../domain/warehousing/counting/decide-lines';
import { settleCount } from '../../domain/warehousing/counting/settle-count';
import { readSheet } from '../../domain/warehousing/counting/sheets';
import { settlePromised } from '../../domain/ordering/promised/settle-promised';
import { setTracking } from '../../domain/stock/tracking/set-tracking';
import { startTransfer } from '../../domain/stock/transfers/start';
import { correctReceipt } from '../../domain/warehousing/receiving/change-receipt';
import type { LineCorrection } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import {
  levelsOf,
  openOrderShop,
  orderOf,
  PAYMENT,
  capture,
  ship,
  twice,
  viewOf,
  type OrderShop,
} from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from '../tracking/support';
import { countingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { about, adjust, approve, countAll, now, onHand, sellOne, sheetOf, submit } = countingIn(() => shop);

/** Five units of each of two lots: SOON goes out first. */
async function twoLots(): Promise<string> {
  const sku = await trackedProduct(shop, { lots: true });
  await deliver(shop.db, [
    { sku, quantity: 5, lot: { code: 'SOON', expiresOn: inDays(9) } },
    { sku, quantity: 5, lot: { code: 'LATE', expiresOn: inDays(20) } },
  ]);
  return sku;
}

const countLots = async (sku: string, lots: Record<string, number>, countedAt?: string) => {
  const sheet = await sheetOf([sku]);
  const counts = Object.entries(lots).map(([code, counted]) => ({ code, counted }));
  return countAll(sheet, [{ sku, lots: counts, countedAt }]);
};

describe('of a product that is kept by lot', () => {
  test('each lot is counted, one that is not there as 0 and one that was found as well', async () => {
    const sku = await twoLots();
    const sheet = await sheetOf([sku]);
    expect(sheet.lines[0]).toMatchObject({
      expected: 10,
      lots: [
        { code: 'LATE', expected: 5, counted: null, variance: null },
        { code: 'SOON', expected: 5, counted: null, variance: null },
      ],
    });
    const lots = [
      { code: ' soon', counted: 0 },
      { code: 'LATE', counted: 5 },
      { code: 'FOUND', counted: 2, expiresOn: inDays(30) },
    ];
    const counted = await twice(shop.db, () => countAll(sheet, [{ sku, lots }], sheet.id));
    expect(counted[0].lines[0]).toMatchObject({
      counted: 7,
      variance: -3,
      lots: [
        { code: 'FOUND', expected: 0, counted: 2, variance: 2 },
        { code: 'LATE', expected: 5, counted: 5, variance: 0 },
        { code: 'SOON', expected: 5, counted: 0, variance: -5 },
      ],
    });
    await submit(sheet);
    await twice(shop.db, () => approve(sheet));
    expect(await lotsOf(shop.db, sku)).toEqual(['LATE@AMS: 5', 'FOUND@AMS: 2']);
    expect(await onHand(sku)).toBe(7);
  });

  test('lots that differ need a decision although their sum does not, and are moved without a difference', async () => {
    const sku = await twoLots();
    const sheet = await countLots(sku, { SOON: 3, LATE: 7 });
    expect(await submit(sheet)).toMatchObject({ lines: [{ status: 'review', variance: 0 }] });
    await approve(sheet);
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 3', 'LATE@AMS: 7']);
  });

  test('a lot that has expired is not on sale once it is found', async () => {
    const sku = await twoLots();
    const sheet = await sheetOf([sku]);
    const lots = [
      { code: 'SOON', counted: 3 },
      { code: 'LATE', counted: 5 },
      { code: 'OLD', counted: 2, expiresOn: inDays(-1) },
    ];
    await countAll(sheet, [{ sku, lots }]);
    await submit(sheet);
    await approve(sheet);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 2] });
  });

  test('a variance is against the lots as of the count: what moved since stays, what was corrected since is no movement', async () => {
    const sku = await twoLots();
    const then = await now();
    await sellOne(sku);
    await deliver(shop.db, [{ sku, quantity: 4, lot: { code: 'LATE' } }]);
    const first = await countLots(sku, { SOON: 5, LATE: 4 }, then);
    expect(first.lines[0]).toMatchObject({
      variance: -1,
      lots: [
        { code: 'LATE', variance: -1 },
        { code: 'SOON', variance: 0 },
      ],
    });
    // Another sheet, counted at the same shelf a little later.
    const second = await countLots(sku, { SOON: 4, LATE: 9 });
    await submit(first);
    await approve(first);
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 4', 'LATE@AMS: 8']);
    await submit(second);
    expect(await approve(second)).toMatchObject({ lines: [{ status: 'approved', variance: 1 }] });
    expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 4', 'LATE@AMS: 9']);
  });

  test('crossing sheets leave what the newer one found of each lot, in either order of approval', async () => {
    for (const order of ['older first', 'newer first']) {
      const sku = await twoLots();
      const older = await countLots(sku, { SOON: 4, LATE: 5 });
      const newer = await countLots(sku, { SOON: 5, LATE: 3 });
      for (const sheet of [older, newer]) await submit(sheet);
      await sellOne(sku);
      for (const sheet of order === 'older first' ? [older, newer] : [newer, older]) await approve(sheet);
      expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 4', 'LATE@AMS: 3']);
      await expectInvariants(shop.db);
    }
  });

  test('a recount forgets lots that were found', async () => {
    const sku = await twoLots();
    const sheet = await countLots(sku, { SOON: 5, LATE: 5, FOUND: 1 });
    await submit(sheet);
    const again = await recount(withStock(shop.db), about(sheet));
    expect(again.lines[0]?.lots).toEqual([
      { code: 'LATE', expected: 5, counted: null, variance: null, superseded: false },
      { code: 'SOON', expected: 5, counted: null, variance: null, superseded: false },
    ]);
  });

  test('units of a lot that are on hold are not taken off by a count', async () => {
    const sku = await twoLots();
    await putOnHold(shop.db, {
      holdId: newId(),
      sku,
      location: 'AMS',
      lot: 'SOON',
      quantity: 5,
      reason: 'x',
      actor: 'qa',
    });
    const sheet = await countLots(sku, { SOON: 4, LATE: 5 });
    await submit(sheet);
    expect((await approve(sheet)).lines[0]).toMatchObject({ status: 'review', code: 'LOT_BLOCKED' });
  });

  test('less than is reserved is resolved, and each lot has then what was counted of it', async () => {
    const sku = await twoLots();
    const order = orderOf({ [sku]: 8 });
    await shop.place(order);
    const sheet = await countLots(sku, { SOON: 0, LATE: 5 });
    await submit(sheet);
    await approveCount(withStock(shop.db), { ...about(sheet), resolveReserved: true });
    await settleCount(withStock(shop.db), sheet.id, (key) => settlePromised(shop.db, key));
    expect((await readSheet(shop.db, sheet.id))?.status).toBe('closed');
    expect(await lotsOf(shop.db, sku)).toEqual(['LATE@AMS: 5']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    expect((await viewOf(shop.db, order.orderId)).items[0]).toMatchObject({ cancelledQuantity: 3 });
  });

  test.each([
    ['without its lots', { counted: 3 }, 'LOT_REQUIRED'],
    ['with nothing read off yet', { lots: [] }, 'VALIDATION_FAILED'],
    ['with a lot left out', { lots: [{ code: 'SOON', counted: 3 }] }, 'COUNT_INCOMPLETE'],
    [
      'with the same lot twice',
      {
        lots: [
          { code: 'SOON', counted: 3 },
          { code: 'soon ', counted: 1 },
          { code: 'LATE', counted: 5 },
        ],
      },
      'UNITS_NAMED_TWICE',
    ],
    [
      'with another expiry date than is known',
      {
        lots: [
          { code: 'SOON', counted: 5, expiresOn: '2099-01-01' },
          { code: 'LATE', counted: 5 },
        ],
      },
      'LOT_EXPIRY_MISMATCH',
    ],
    [
      'with lots that are not its sum',
      {
        counted: 9,
        lots: [
          { code: 'SOON', counted: 5 },
          { code: 'LATE', counted: 5 },
        ],
      },
      'VALIDATION_FAILED',
    ],
    ['with serial numbers that it has not', { counted: 1, serials: ['A'] }, 'NOT_TRACKED'],
  ])('a count %s is refused', async (_name, count, code) => {
    const sku = await twoLots();
    const sheet = await sheetOf([sku]);
    await expect(countAll(sheet, [{ sku, ...count }])).rejects.toMatchObject({ code });
  });

  test('nothing there is counted without naming what is not there', async () => {
    const sku = await twoLots();
    const sheet = await sheetOf([sku]);
    expect((await countAll(sheet, [{ sku, counted: 0 }])).lines[0]).toMatchObject({
      lots: [
        { code: 'LATE', counted: 0, variance: -5 },
        { code: 'SOON', counted: 0, variance: -5 },
      ],
    });
    await submit(sheet);
    await approve(sheet);
    expect(await lotsOf(shop.db, sku)).toEqual([]);
  });
});

describe('of a product with serial numbers', () => {
  const countSerials = async (sku: string, serials: string[], counted?: number) => {
    const sheet = await sheetOf([sku]);
    return countAll(sheet, [{ sku, serials, counted }]);
  };

  test('those that are missing go, and those that were found come, known ones and new ones', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C', 'D');
    await adjust(sku, { delta: -1 });
    expect(await serialsOf(shop.db, sku)).toContain('A@AMS: removed');
    const sheet = await countSerials(sku, [' b', 'D', 'a', 'NEW']);
    expect(sheet.lines[0]).toMatchObject({
      counted: 4,
      variance: 1,
      serials: { counted: [' b', 'D', 'a', 'NEW'], missing: ['C'], found: ['a', 'NEW'] },
    });
    await submit(sheet);
    await twice(shop.db, () => approve(sheet));
    expect(await serialsOf(shop.db, sku)).toEqual([
      'A@AMS: in_stock',
      'B@AMS: in_stock',
      'C@AMS: removed',
      'D@AMS: in_stock',
      'NEW@AMS: in_stock',
    ]);
    expect(await onHand(sku)).toBe(4);
  });

  test('a unit without a number may be counted; more numbers than units may not', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    await expect(countSerials(sku, ['A', 'B'], 1)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    const sheet = await countSerials(sku, ['A', 'B'], 3);
    await submit(sheet);
    await approve(sheet);
    expect([await onHand(sku), await serialsOf(shop.db, sku)]).toEqual([
      3,
      ['A@AMS: in_stock', 'B@AMS: in_stock'],
    ]);
  });

  test('one number in the place of another is a difference, though the sum is right', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const sheet = await countSerials(sku, ['A', 'X']);
    expect(await submit(sheet)).toMatchObject({ lines: [{ status: 'review', variance: 0 }] });
    await approve(sheet);
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: removed', 'X@AMS: in_stock']);
  });

  test('a number that is known to be elsewhere is refused with where it is, and none counts twice', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    await deliver(shop.db, [{ sku, quantity: 1, serials: ['FAR'] }], 'BER');
    await expect(countSerials(sku, ['A', 'far'])).rejects.toMatchObject({
      code: 'SERIAL_ELSEWHERE',
      details: { serials: [{ serial: 'far', status: 'in_stock', warehouse: 'BER' }] },
    });
    await expect(countSerials(sku, ['A', 'a '])).rejects.toMatchObject({ code: 'UNITS_NAMED_TWICE' });
    await expect(
      sheetOf([sku]).then((sheet) => countAll(sheet, [{ sku, counted: 2 }])),
    ).rejects.toMatchObject({ code: 'SERIALS_REQUIRED' });
  });

  test('one that was there when it was counted and has been sold, or sent on, since is no difference', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C');
    const sheet = await countSerials(sku, ['A', 'B', 'C']);
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT });
    await shop.place(order);
    await capture(shop.db, order.orderId);
    await ship(shop.db, order.orderId, 'AMS', 'picked_up');
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
    expect(await submit(sheet)).toMatchObject({
      status: 'closed',
      lines: [{ status: 'approved', variance: 0 }],
    });
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: shipped', 'B@BER: in_stock', 'C@AMS: in_stock']);
  });

  test('a number that turns up elsewhere before the approval stays for a person', async () => {
    const sku = await withSerials(shop, 'A');
    const sheet = await countSerials(sku, ['A', 'NEW']);
    await submit(sheet);
    await deliver(shop.db, [{ sku, quantity: 1, serials: ['NEW'] }], 'BER');
    expect((await approve(sheet)).lines[0]).toMatchObject({ status: 'review', code: 'SERIAL_ELSEWHERE' });
  });

  test('a blind sheet does not tell what is missing before it is submitted', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const sheet = await sheetOf([sku], { blind: true });
    const counted = await countAll(sheet, [{ sku, serials: ['A'] }]);
    expect(counted.lines[0]?.serials).toEqual({ counted: ['A'], missing: null, found: null });
    expect((await submit(sheet)).lines[0]?.serials).toMatchObject({ missing: ['B'], found: [] });
  });
});

test('a count of before the product kept lots says nothing of them', async () => {
  const sku = await shop.product({});
  const sheet = await sheetOf([sku]);
  await countAll(sheet, [{ sku, counted: 2 }]);
  await setTracking(shop.db, { actor: 'test', sku, lots: true, serials: true });
  await submit(sheet);
  expect(await approve(sheet)).toMatchObject({ lines: [{ status: 'approved', variance: 2 }] });
  expect(await lotsOf(shop.db, sku)).toEqual(['UNKNOWN@AMS: 2']);
});

describe('a receipt that is corrected after a count was taken', () => {
  test('had its units in the right lot when it came: a count as of before moves none back', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    const before = await now();
    const { id } = await deliver(shop.db, [{ sku, quantity: 10, lot: { code: 'A1' } }]);
    await correct(id, { line: 1, lot: { code: 'A7' } });
    const sheet = await countLots(sku, { A7: 0 }, before);
    expect(sheet.lines[0]).toMatchObject({ variance: 0, lots: [{ code: 'A7', variance: 0 }] });
    await submit(sheet);
    await approve(sheet);
    expect(await lotsOf(shop.db, sku)).toEqual(['A7@AMS: 10']);
  });

  test('had the right number when it came: a count as of before does not miss it', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    const old = await deliver(shop.db, [{ sku, quantity: 1, serials: ['OLD'] }]);
    await correct(old.id, { line: 1, quantity: 0, serials: ['OLD'] });
    const before = await now();
    const { id } = await deliver(shop.db, [{ sku, quantity: 1, serials: ['NEW'] }]);
    await correct(id, { line: 1, replaceSerials: [{ serial: 'NEW', by: 'OLD' }] });
    const sheet = await countAll(await sheetOf([sku]), [{ sku, counted: 0, serials: [], countedAt: before }]);
    expect(sheet.lines[0]).toMatchObject({ variance: 0, serials: { missing: [], found: [] } });
    await submit(sheet);
    await approve(sheet);
    expect(await serialsOf(shop.db, sku)).toEqual(['OLD@AMS: in_stock', 'NEW@AMS: removed']);
  });

  const correct = (receiptId: string, correction: LineCorrection) =>
    correctReceipt(withStock(shop.db), {
      receiptId,
      changeId: newId(),
      reason: 'mistyped',
      actor: 'clerk',
      corrections: [correction],
    });
});
