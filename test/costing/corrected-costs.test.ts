import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { costOfGoodsSold } from '../../domain/warehousing/costing/sold';
import { valueProduct } from '../../domain/warehousing/costing/valuation';
import { correctReceipt, reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import type { LineCorrection, ReceiptView } from '../../domain/warehousing/receiving/types';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { withStock } from '../support/stock';
import { deliver } from '../tracking/support';
import { sellingIn } from './support';

/** What a delivery cost is in stock, was a cost of goods sold, or was corrected as one: nothing is lost and nothing twice. */

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { databaseTime, ship } = sellingIn(() => shop);

const correct = ({ id }: ReceiptView, corrections: LineCorrection[], changeId = newId()) =>
  correctReceipt(withStock(shop.db), {
    receiptId: id,
    changeId,
    reason: 'invoice',
    actor: 'clerk',
    corrections,
  });
const reverse = ({ id }: ReceiptView) =>
  reverseReceipt(withStock(shop.db), { receiptId: id, changeId: newId(), reason: 'mistake', actor: 'clerk' });

/** By the lines of its receipts as they count now, minor units. */
async function received(sku: string): Promise<number> {
  const { rows } = await shop.db.pool.query<{ cost: string }>(
    `select coalesce(sum(l.quantity * l.unit_cost_minor::numeric), 0)::text as cost
     from receipt_lines l join products p on p.id = l.product_id where p.sku = $1`,
    [sku],
  );
  return Number(rows[0]?.cost);
}

/** Of a product that is the only one which is sold or corrected in the period. */
async function booksOf(sku: string, from: string, to?: string) {
  const [total] = (await costOfGoodsSold(shop.db, { from, to })).totals;
  const { costMinor = 0, correctionMinor = 0 } = total ?? {};
  const worth = await valueProduct(shop.db, sku, { method: 'average' });
  return {
    stock: Number(worth?.valueMinor),
    sold: Number(costMinor),
    corrected: Number(correctionMinor),
  };
}

test('a cost that is corrected after units have left is a cost of goods of when it is corrected, and changes no answer of before', async () => {
  const from = await databaseTime();
  const sku = await shop.product({});
  const receipt = await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  await ship([sku, 4]);
  const closed = await databaseTime();
  const before = await costOfGoodsSold(shop.db, { from, to: closed });
  const changeId = newId();
  for (let n = 0; n < 2; n++) await correct(receipt, [{ line: 1, unitCostMinor: 110 }], changeId);
  expect(await booksOf(sku, from)).toEqual({ stock: 660, sold: 400, corrected: 40 });
  expect(await costOfGoodsSold(shop.db, { from, to: closed })).toEqual(before);
  expect((await costOfGoodsSold(shop.db, { from: closed })).totals).toEqual([
    { currency: 'USD', units: 0, costMinor: 0, correctionMinor: 40 },
  ]);
  await correct(receipt, [{ line: 1, unitCostMinor: 90 }]);
  expect(await booksOf(sku, from)).toEqual({ stock: 540, sold: 400, corrected: -40 });
  await correct(receipt, [{ line: 1, unitCostMinor: 100 }]);
  expect(await booksOf(sku, from)).toEqual({ stock: 600, sold: 400, corrected: 0 });
});

test.each([
  ['a cost that comes after everything has left', [], { unitCostMinor: 130 }, { stock: 0, corrected: 300 }],
  ['a cost that was not known', [], { unitCostMinor: 100 }, { stock: 0, sold: 0, corrected: 1_000 }, null],
  ['a cost that is taken back', [5], { unitCostMinor: null }, { stock: 0, sold: 500, corrected: -500 }],
  ['units that did not come', [4], { quantity: 8 }, { stock: 400, sold: 400, corrected: 0 }],
] as const)('%s', async (_, parts, correction, expected, unitCost: number | null = 100) => {
  const from = await databaseTime();
  const sku = await shop.product({});
  const line = { sku, quantity: 10, ...(unitCost === null ? {} : { unitCostMinor: unitCost }) };
  const receipt = await deliver(shop.db, [line]);
  for (const units of parts.length > 0 ? parts : [10]) await ship([sku, units]);
  await correct(receipt, [{ line: 1, ...correction }]);
  const books = await booksOf(sku, from);
  expect(books).toMatchObject(expected);
  expect(books.stock + books.sold + books.corrected).toBe(await received(sku));
});

test('what a count took off and the receipt never brought is no cost of goods', async () => {
  const from = await databaseTime();
  const sku = await shop.product({});
  const receipt = await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  await adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { setTo: 8 },
    reason: 'counted',
    actor: 'clerk',
    effectId: newId(),
  });
  // Two were written off at 100 each: the correction takes that back.
  await correct(receipt, [{ line: 1, quantity: 8 }]);
  expect(await booksOf(sku, from)).toEqual({ stock: 800, sold: 0, corrected: -200 });
});

test('whatever is received, sold, corrected and taken back, it adds up', async () => {
  const random = seededRandom();
  const from = await databaseTime();
  const sku = await shop.product({});
  const receipts: ReceiptView[] = [];
  let onHand = 0;
  // Each amount is rounded once: a sale, a correction, the stock.
  let rounded = 1;
  for (let step = 0; step < 40; step++) {
    const receipt = receipts.length > 0 ? receipts[random.whole(0, receipts.length - 1)] : undefined;
    const units = random.whole(1, 9);
    const cost = random.chance(0.2) ? null : random.whole(0, 500);
    if (!receipt || random.chance(0.3)) {
      const line = { sku, quantity: units, ...(cost === null ? {} : { unitCostMinor: cost }) };
      receipts.push(await deliver(shop.db, [line]));
      onHand += units;
    } else if (random.chance(0.4) && onHand > 0) {
      const sold = Math.min(units, onHand);
      await ship([sku, sold]);
      onHand -= sold;
      rounded += 1;
    } else {
      const change = random.chance(0.2)
        ? reverse(receipt)
        : correct(receipt, [
            random.chance(0.6) ? { line: 1, unitCostMinor: cost } : { line: 1, quantity: units },
          ]);
      await change.catch((error: unknown) => {
        if (!isAppError(error)) throw error;
      });
      rounded += 1;
      const { rows } = await shop.db.pool.query<{ units: number }>(
        'select s.on_hand as units from stock s join products p on p.id = s.product_id where p.sku = $1',
        [sku],
      );
      onHand = rows[0]?.units ?? 0;
    }
    const { stock, sold, corrected } = await booksOf(sku, from);
    const missing = (await received(sku)) - (stock + sold + corrected);
    expect(Math.abs(missing)).toBeLessThanOrEqual(rounded / 2);
  }
});

describe('a receipt that is taken back after an earlier one was changed', () => {
  async function costOf(sku: string) {
    const { rows } = await shop.db.pool.query<{ units: number; average: string | null }>(
      `select c.costed_units::int as units, round(c.average_minor, 6)::text as average
       from product_costs c join products p on p.id = c.product_id where p.sku = $1`,
      [sku],
    );
    const worth = await valueProduct(shop.db, sku, { method: 'average' });
    const [cost] = rows;
    return { units: cost?.units, average: Number(cost?.average), value: Number(worth?.valueMinor) };
  }

  test('of the same cost leaves no units that cost something', async () => {
    const sku = await shop.product({ AMS: 50 });
    const first = await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
    const second = await deliver(shop.db, [{ sku, quantity: 5, unitCostMinor: 100 }]);
    await reverse(first);
    expect(await costOf(sku)).toMatchObject({ units: 5, value: 500 });
    await reverse(second);
    expect(await costOf(sku)).toMatchObject({ units: 0, value: 0 });
  });

  test('of the same cost is corrected without the units that never came', async () => {
    const sku = await shop.product({});
    const first = await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
    const second = await deliver(shop.db, [{ sku, quantity: 5, unitCostMinor: 100 }]);
    await reverse(first);
    await correct(second, [{ line: 1, unitCostMinor: 200 }]);
    expect(await costOf(sku)).toEqual({ units: 5, average: 200, value: 1_000 });
  });

  test('in whatever order documents come, what is left costs what its receipts say', async () => {
    const random = seededRandom();
    for (let run = 0; run < 12; run++) {
      const sku = await shop.product({ AMS: 50 });
      // Few costs, so that averages are the same often.
      const cost = () => random.pick([100, 100, 200, null]);
      const model: { receipt: ReceiptView; quantity: number; cost: number | null }[] = [];
      for (let step = 0; step < 12; step++) {
        const place = random.whole(0, Math.max(0, model.length - 1));
        const one = model[place];
        if (!one || random.chance(0.4)) {
          const line = { quantity: random.whole(1, 9), cost: cost() };
          const costed = line.cost === null ? {} : { unitCostMinor: line.cost };
          const receipt = await deliver(shop.db, [{ sku, quantity: line.quantity, ...costed }]);
          model.push({ ...line, receipt });
        } else if (random.chance(0.5)) {
          await reverse(one.receipt);
          model.splice(place, 1);
        } else if (random.chance(0.5)) {
          one.cost = cost();
          await correct(one.receipt, [{ line: 1, unitCostMinor: one.cost }]);
        } else {
          one.quantity = random.whole(1, 9);
          await correct(one.receipt, [{ line: 1, quantity: one.quantity }]);
        }
        const costed = model.flatMap(({ quantity, cost: each }) =>
          each === null ? [] : [{ quantity, each }],
        );
        const units = costed.reduce((sum, { quantity }) => sum + quantity, 0);
        const value = costed.reduce((sum, { quantity, each }) => sum + quantity * each, 0);
        const kept = await costOf(sku);
        expect(kept).toMatchObject({ units, value });
        if (units > 0) expect(kept.average).toBeCloseTo(value / units, 5);
      }
    }
  });
});
