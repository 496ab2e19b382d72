import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { valueProduct } from '../../domain/warehousing/costing/valuation';
import { correctReceipt, reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import type { LineCorrection, ReceiptInput } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, orderOf, twice, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { inDays, lotsOf, serialsOf, trackedProduct } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const take = (lines: ReceiptInput['lines'], rest: Partial<ReceiptInput> = {}) =>
  receiveGoods(withStock(shop.db), {
    receiptId: newId(),
    location: 'AMS',
    supplierReference: newId(),
    lines,
    actor: 'dock',
    ...rest,
  });
const reverse = (receiptId: string, changeId = newId()) =>
  reverseReceipt(withStock(shop.db), { receiptId, changeId, reason: 'mistyped', actor: 'clerk' });
const correct = (receiptId: string, ...corrections: LineCorrection[]) =>
  correctReceipt(withStock(shop.db), {
    receiptId,
    changeId: newId(),
    reason: 'mistyped',
    actor: 'clerk',
    corrections,
  });
const sell = (sku: string, units: number) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { delta: -units },
    reason: 'sold',
    actor: 't',
    effectId: newId(),
  });
const worth = async (sku: string) => {
  const [fifo, average] = await Promise.all([
    valueProduct(shop.db, sku, { method: 'fifo' }),
    valueProduct(shop.db, sku, { method: 'average' }),
  ]);
  return { fifo: fifo?.valueMinor, average: average?.unitCostMinor };
};

describe('a reversal', () => {
  test('is as if the receipt had never come: stock, ledger, value and reference', async () => {
    const sku = await shop.product({});
    await take([{ sku, quantity: 3, unitCostMinor: 101 }]);
    const before = await worth(sku);
    const wrong = { supplier: 'ACME', supplierReference: newId() };
    const { id } = await take([{ sku, quantity: 1_000, unitCostMinor: 777 }], wrong);
    expect((await worth(sku)).average).not.toBe(before.average);
    const changeId = newId();
    const [first, again] = await twice(shop.db, () => reverse(id, changeId));
    expect(again).toEqual(first);
    expect(first.reversedAt).not.toBeNull();
    expect(first).toMatchObject({
      lines: [{ quantity: 0 }],
      changes: [
        {
          kind: 'reversal',
          reason: 'mistyped',
          actor: 'clerk',
          lines: [{ line: 1, before: { quantity: 1_000 }, after: { quantity: 0 } }],
        },
      ],
    });
    expect(await worth(sku)).toEqual(before);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
    const { rows } = await shop.db.pool.query(
      `select on_hand_delta, reason, actor from inventory_transactions where kind = 'receipt' and effect_id = $1`,
      [changeId],
    );
    expect(rows).toEqual([{ on_hand_delta: -1_000, reason: 'mistyped', actor: 'clerk' }]);
    await expect(reverse(id)).rejects.toMatchObject({ code: 'RECEIPT_REVERSED' });
    await take([{ sku, quantity: 10, unitCostMinor: 77 }], wrong);
  });

  test('after units were sold at the old cost leaves what was there before', async () => {
    const sku = await shop.product({});
    await take([{ sku, quantity: 10, unitCostMinor: 100 }]);
    const { id } = await take([{ sku, quantity: 10, unitCostMinor: 300 }]);
    await sell(sku, 4);
    await reverse(id);
    expect(await worth(sku)).toEqual({ fifo: 600, average: 100 });
  });

  test('after another delivery takes its units at their own cost', async () => {
    const sku = await shop.product({});
    const { id } = await take([{ sku, quantity: 10, unitCostMinor: 100 }]);
    await take([{ sku, quantity: 10, unitCostMinor: 100 }]);
    await take([{ sku, quantity: 20, unitCostMinor: 300 }]);
    await reverse(id);
    expect(await worth(sku)).toEqual({ fifo: 7_000, average: 700 / 3 });
  });

  test('is refused when units have left or are promised, and then changes nothing', async () => {
    const sku = await shop.product({});
    const { id } = await take([{ sku, quantity: 5 }]);
    await sell(sku, 1);
    await expect(reverse(id)).rejects.toMatchObject({ code: 'UNITS_HAVE_LEFT', details: { sku, there: 4 } });
    await shop.place(orderOf({ [sku]: 1 }));
    await expect(correct(id, { line: 1, quantity: 1 })).rejects.toMatchObject({ code: 'UNITS_HAVE_LEFT' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 1] });
  });

  test('takes back lots, also one that had expired, and serial numbers, which may come again', async () => {
    const lots = await trackedProduct(shop, { lots: true });
    const { id } = await take([
      { sku: lots, quantity: 5, lot: { code: 'OLD', expiresOn: inDays(-1) } },
      { sku: lots, quantity: 2, lot: { code: 'NEW', expiresOn: inDays(9) } },
    ]);
    expect(await levelsOf(shop.db, lots)).toEqual({ AMS: [7, 5] });
    await reverse(id);
    expect(await lotsOf(shop.db, lots)).toEqual([]);
    expect(await levelsOf(shop.db, lots)).toEqual({});

    const phones = await trackedProduct(shop, { serials: true });
    const lines = [{ sku: phones, quantity: 2, serials: ['A', 'B'] }];
    const first = await take(lines);
    await reverse(first.id);
    expect(await serialsOf(shop.db, phones)).toEqual(['A@AMS: removed', 'B@AMS: removed']);
    await take([{ ...lines[0]!, serials: ['a', 'b '] }]);
    expect(await serialsOf(shop.db, phones)).toEqual(['A@AMS: in_stock', 'B@AMS: in_stock']);
    await expect(take([{ sku: phones, quantity: 1, serials: ['b'] }])).rejects.toMatchObject({
      code: 'DUPLICATE_SERIAL',
    });
  });
});

describe('a correction', () => {
  test('of quantity and cost gives what the right receipt would have given', async () => {
    const [sku, right] = [await shop.product({}), await shop.product({})];
    for (const one of [sku, right]) await take([{ sku: one, quantity: 7, unitCostMinor: 90 }]);
    const { id } = await take([{ sku, quantity: 100, unitCostMinor: 12 }]);
    await take([{ sku: right, quantity: 10, unitCostMinor: 120 }]);
    await correct(id, { line: 1, quantity: 10 });
    await correct(id, { line: 1, unitCostMinor: 120 });
    expect(await worth(sku)).toEqual(await worth(right));
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [17, 0] });
    const more = await correct(id, { line: 1, quantity: 11 });
    expect(more.lines).toMatchObject([{ quantity: 11, unitCostMinor: 120 }]);
    expect(more.changes).toHaveLength(3);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [18, 0] });
  });

  test('of a lot moves its units, out of sale where the right one has expired', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    const { id } = await take([{ sku, quantity: 5, lot: { code: 'L1', expiresOn: inDays(30) } }]);
    await correct(id, { line: 1, lot: { code: 'L2', expiresOn: inDays(20) } });
    expect(await lotsOf(shop.db, sku)).toEqual(['L2@AMS: 5']);
    await correct(id, { line: 1, lot: { code: 'L3', expiresOn: inDays(-3) }, quantity: 4 });
    expect(await lotsOf(shop.db, sku)).toEqual(['L3@AMS: 4']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4] });
    await expect(correct(id, { line: 1, lot: { code: 'l3', expiresOn: inDays(50) } })).rejects.toMatchObject({
      code: 'LOT_EXPIRY_MISMATCH',
    });
  });

  test('of units with serial numbers names them, and nothing else is corrected by it', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    const { id } = await take([{ sku, quantity: 3, serials: ['A', 'B', 'C'] }]);
    await expect(correct(id, { line: 1, quantity: 2 })).rejects.toMatchObject({ code: 'SERIALS_REQUIRED' });
    const made = await correct(id, { line: 1, quantity: 2, serials: ['b'] });
    expect(made.lines).toMatchObject([{ quantity: 2, serials: ['A', 'C'] }]);
    await expect(correct(id, { line: 2 })).rejects.toMatchObject({ code: 'NO_SUCH_LINE' });
    await expect(correct(newId(), { line: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
