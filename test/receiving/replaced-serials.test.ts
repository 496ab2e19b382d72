import { adjustStock } from '../../domain/stock/adjustments/adjust';
import type { ReceiptView } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, type OrderShop } from '../db/support';
import { shippedOrder } from '../returns/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { serialsOf, trackedProduct, withSerials } from '../tracking/support';
import { correctingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { take, correct, reverse } = correctingIn(() => shop);
const count = (sku: string, setTo: number) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { setTo },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });
const onHand = async (sku: string) => (await levelsOf(shop.db, sku)).AMS?.[0] ?? 0;

describe('serial numbers that were read off wrongly', () => {
  const replace = (receipt: ReceiptView, ...replaceSerials: { serial: string; by: string }[]) =>
    correct(receipt, { line: 1, replaceSerials });

  test('are replaced wherever their units are by now, and are free for others', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    const receipt = await take([{ sku, quantity: 3, serials: ['A', 'B', 'C'] }]);
    await shippedOrder(shop, { [sku]: 1 });
    await count(sku, 2);
    const after = await replace(receipt, { serial: 'a', by: 'X' }, { serial: 'B', by: 'Y' });
    expect(await serialsOf(shop.db, sku)).toEqual(['X@AMS: shipped', 'Y@AMS: in_stock', 'C@AMS: in_stock']);
    expect(after.lines[0]).toMatchObject({ quantity: 3, serials: ['X', 'Y', 'C'] });
    expect(after.changes[0]?.lines).toMatchObject([
      { before: { serials: ['A', 'B', 'C'] }, after: { serials: ['X', 'Y', 'C'] } },
    ]);
    expect(await onHand(sku)).toBe(2);
    await withSerialsOf(sku, 'A');
  });

  const withSerialsOf = (sku: string, ...serials: string[]) =>
    take([{ sku, quantity: serials.length, serials }]);

  test('give their place to one that was known before, where they are still there', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    await reverse(await withSerialsOf(sku, 'OLD'));
    const receipt = await withSerialsOf(sku, 'NEW', 'B');
    await replace(receipt, { serial: 'NEW', by: 'old' });
    expect(await serialsOf(shop.db, sku)).toEqual([
      'OLD@AMS: in_stock',
      'NEW@AMS: removed',
      'B@AMS: in_stock',
    ]);
    // A number that was known before keeps its history when another one takes its place.
    await replace(receipt, { serial: 'OLD', by: 'THIRD' });
    expect(await serialsOf(shop.db, sku)).toEqual([
      'OLD@AMS: removed',
      'NEW@AMS: removed',
      'B@AMS: in_stock',
      'THIRD@AMS: in_stock',
    ]);
    const again = await withSerialsOf(sku, 'old');
    await shippedOrder(shop, { [sku]: 3 });
    await expect(replace(again, { serial: 'old', by: 'FOURTH' })).rejects.toMatchObject({
      code: 'UNITS_HAVE_LEFT',
    });
  });

  test('are replaced in any order, with other corrections of the line', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    const receipt = await withSerialsOf(sku, 'A', 'B', 'C');
    await correct(receipt, {
      line: 1,
      quantity: 2,
      serials: ['C'],
      replaceSerials: [
        { serial: 'A', by: 'B' },
        { serial: 'B', by: 'D' },
      ],
    });
    expect(await serialsOf(shop.db, sku)).toEqual(['B@AMS: in_stock', 'D@AMS: in_stock', 'C@AMS: removed']);
    await replace(receipt, { serial: 'B', by: 'b ' });
    expect(await serialsOf(shop.db, sku)).toContain('b @AMS: in_stock');
  });

  test.each([
    ['one that is there', [{ serial: 'A', by: 'Z' }], 'DUPLICATE_SERIAL'],
    ['one of the same line', [{ serial: 'A', by: 'B' }], 'DUPLICATE_SERIAL'],
    [
      'each other',
      [
        { serial: 'A', by: 'B' },
        { serial: 'B', by: 'A' },
      ],
      'UNITS_NAMED_TWICE',
    ],
    [
      'the same one',
      [
        { serial: 'A', by: 'X' },
        { serial: 'B', by: 'x' },
      ],
      'UNITS_NAMED_TWICE',
    ],
    ['what is not on the line', [{ serial: 'Z', by: 'X' }], 'SERIAL_NOT_THERE'],
  ])('are not replaced by %s', async (_, replacements, code) => {
    const sku = await withSerials(shop, 'Z');
    const receipt = await withSerialsOf(sku, 'A', 'B');
    await expect(replace(receipt, ...replacements)).rejects.toMatchObject({ code });
    expect((await serialsOf(shop.db, sku)).filter((one) => !one.endsWith('in_stock'))).toEqual([]);
    const plain = await shop.product({});
    await expect(replace(await take([{ sku: plain, quantity: 1 }]), ...replacements)).rejects.toMatchObject({
      code: 'NOT_TRACKED',
    });
  });
});
