import fc from 'fast-check';
import { fifoLayers, valueOfLayers } from '../../domain/warehousing/costing/rules';
import type { CostLayer } from '../../domain/warehousing/costing/types';
import {
  listValuedProducts,
  valueProduct,
  valueStock,
  valuationCsv,
} from '../../domain/warehousing/costing/valuation';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { deliver } from '../tracking/support';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const take = (sku: string, units: number, location = 'AMS') =>
  adjustStock(withStock(shop.db), {
    sku,
    location,
    change: { delta: -units },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });
const deliverAt = (sku: string, quantity: number, unitCostMinor?: number, location?: string) =>
  deliver(shop.db, [{ sku, quantity, unitCostMinor }], location);

interface Move {
  units: number;
  cost: number;
}

/** The books of a clerk who keeps a queue of units, takes from its front, and an average that is worked out anew at each delivery. */
function naiveBooks(moves: readonly Move[]) {
  const queue: number[] = [];
  let average = 0;
  for (const { units, cost } of moves) {
    if (units > 0) {
      average = (queue.length * average + units * cost) / (queue.length + units);
      for (let n = 0; n < units; n++) queue.push(cost);
    } else queue.splice(0, -units);
  }
  return { onHand: queue.length, fifo: queue.reduce((sum, cost) => sum + cost, 0), average };
}

const move = fc.record({ units: fc.integer({ min: -12, max: 12 }), cost: fc.integer({ min: 0, max: 500 }) });

/** Moves that never take more than there is. */
const moves = fc.array(move, { maxLength: 40 }).map((wanted) => {
  let onHand = 0;
  return wanted.flatMap(({ units, cost }) => {
    const possible = Math.max(units, -onHand);
    onHand += possible;
    return possible === 0 ? [] : [{ units: possible, cost }];
  });
});

test('the newest layers are worth what a queue of units is worth', () => {
  fc.assert(
    fc.property(moves, (made) => {
      const received = made
        .filter(({ units }) => units > 0)
        .map(({ units, cost }): CostLayer => ({
          receiptId: '',
          supplierReference: '',
          receivedAt: '',
          quantity: units,
          unitCostMinor: cost,
        }))
        .reverse();
      const { onHand, fifo } = naiveBooks(made);
      const layers = fifoLayers(received, onHand);
      expect(valueOfLayers(layers)).toEqual({ value: BigInt(fifo), costed: onHand });
    }),
  );
});

test('random deliveries and sales at several places are worth, in the database, what the books of a clerk say', async () => {
  const random = seededRandom();
  for (let round = 0; round < 5; round++) {
    const sku = await shop.product({});
    const at: Record<string, number> = { AMS: 0, BER: 0 };
    const made: Move[] = [];
    for (let n = 0; n < 25; n++) {
      const place = random.whole(0, 1) === 0 ? 'AMS' : 'BER';
      const here = at[place] ?? 0;
      const units = here > 0 && random.whole(0, 1) === 0 ? -random.whole(1, here) : random.whole(1, 9);
      const cost = random.whole(0, 400);
      if (units > 0) await deliverAt(sku, units, cost, place);
      else await take(sku, -units, place);
      at[place] = here + units;
      made.push({ units, cost });
    }
    const books = naiveBooks(made);
    expect(await valueProduct(shop.db, sku, { method: 'fifo' })).toMatchObject({
      onHand: books.onHand,
      valueMinor: books.fifo,
      uncosted: 0,
      currency: 'USD',
    });
    const average = await valueProduct(shop.db, sku, { method: 'average' });
    expect(average?.unitCostMinor).toBeCloseTo(books.average, 3);
  }
});

test('layers name their receipts, and units without a cost are counted apart', async () => {
  const sku = await shop.product({ AMS: 2 });
  const [first, second] = [await deliverAt(sku, 5, 100), await deliverAt(sku, 5, 140)];
  await deliverAt(sku, 1);
  await take(sku, 3);
  expect(await valueProduct(shop.db, sku, { method: 'fifo' })).toMatchObject({
    onHand: 10,
    valueMinor: 5 * 140 + 4 * 100,
    uncosted: 1,
    layers: [
      { quantity: 1, unitCostMinor: null },
      { receiptId: second.id, quantity: 5, unitCostMinor: 140 },
      { receiptId: first.id, quantity: 4, unitCostMinor: 100, supplierReference: first.supplierReference },
    ],
  });
  const bare = await shop.product({ AMS: 3 });
  expect(await valueProduct(shop.db, bare, { method: 'fifo' })).toMatchObject({
    valueMinor: 0,
    uncosted: 3,
    layers: [],
  });
  expect(await valueProduct(shop.db, bare, { method: 'average' })).toMatchObject({
    uncosted: 3,
    unitCostMinor: null,
  });
  expect(await valueProduct(shop.db, 'NO-SUCH', { method: 'fifo' })).toBeNull();
});

test('the cost of a product has one currency', async () => {
  const sku = await shop.product({});
  const line = { sku, quantity: 1, unitCostMinor: 100 };
  await deliver(shop.db, [{ ...line, currency: 'EUR' }]);
  await expect(deliver(shop.db, [{ ...line, currency: 'USD' }])).rejects.toMatchObject({
    code: 'CURRENCY_MISMATCH',
  });
  await expect(
    deliver(shop.db, [{ ...line, sku: await shop.product({}), currency: 'EUR' }, line]),
  ).rejects.toMatchObject({ code: 'CURRENCY_MISMATCH' });
});

test('deliveries at once leave the average of all of them', async () => {
  const sku = await shop.product({});
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => deliverAt(sku, 2, n * 10, n % 2 === 0 ? 'AMS' : 'BER')),
  );
  expect((await valueProduct(shop.db, sku, { method: 'average' }))?.unitCostMinor).toBeCloseTo(95, 3);
});

test('the stock is worth the sum of its products, per currency, in all, at a place and of a category', async () => {
  const category = newId();
  const skus = [await shop.product({}), await shop.product({}), await shop.product({ AMS: 7 })] as const;
  await shop.db.pool.query(
    `with made as (insert into categories (code, name) values ($1, $1) returning id)
     update products set category_id = made.id from made where sku = any ($2)`,
    [category, skus],
  );
  await deliverAt(skus[0], 4, 100);
  await deliverAt(skus[0], 4, 200, 'BER');
  await take(skus[0], 2);
  await deliver(shop.db, [{ sku: skus[1], quantity: 3, unitCostMinor: 50, currency: 'EUR' }]);
  expect(await valueStock(shop.db, { method: 'fifo', category })).toEqual({
    method: 'fifo',
    totals: [
      { currency: 'EUR', products: 1, quantity: 3, valueMinor: 150 },
      { currency: 'USD', products: 1, quantity: 6, valueMinor: 1_000 },
    ],
    uncosted: 7,
  });
  // A third of the six units is in AMS, and so is a third of what they are worth.
  expect((await valueStock(shop.db, { method: 'fifo', category, location: 'AMS' })).totals[1]).toEqual({
    currency: 'USD',
    products: 1,
    quantity: 2,
    valueMinor: 333,
  });
  expect((await valueStock(shop.db, { method: 'average', category })).totals[1]).toMatchObject({
    valueMinor: 900,
  });
  expect((await valueStock(shop.db, { method: 'average' })).totals.length).toBeGreaterThan(1);
  // The same by product: in pages, and as a file of all.
  const lines = [];
  for (let after: string | null = ''; after !== null;) {
    const page: Awaited<ReturnType<typeof listValuedProducts>> = await listValuedProducts(
      shop.db,
      { method: 'fifo', category, location: 'AMS' },
      { after, limit: 1, offset: 0 },
    );
    lines.push(...page.items);
    after = page.next;
  }
  const expected = [
    { sku: skus[0], quantity: 2, currency: 'USD', valueMinor: 333, uncosted: 0, unitCostMinor: 166.5 },
    { sku: skus[1], quantity: 3, currency: 'EUR', valueMinor: 150, uncosted: 0, unitCostMinor: 50 },
    { sku: skus[2], quantity: 7, currency: null, valueMinor: 0, uncosted: 7, unitCostMinor: null },
  ].sort((a, b) => (a.sku < b.sku ? -1 : 1));
  expect(lines).toEqual(expected);
  const csv = [];
  for await (const piece of await valuationCsv(shop.db, { method: 'average', category })) csv.push(piece);
  const average = [`${skus[0]},6,USD,900,0,150`, `${skus[1]},3,EUR,150,0,50`, `${skus[2]},7,,0,7,`].sort();
  expect(csv.join('')).toBe(
    ['sku,quantity,currency,value_minor,uncosted,unit_cost_minor', ...average, ''].join('\n'),
  );
  await expect(valuationCsv(shop.db, { method: 'fifo', location: 'NO-SUCH' })).rejects.toMatchObject({
    code: 'UNKNOWN_LOCATION',
  });
  await expect(valueStock(shop.db, { method: 'fifo', location: 'NO-SUCH' })).rejects.toMatchObject({
    code: 'UNKNOWN_LOCATION',
  });
  await expect(valueStock(shop.db, { method: 'fifo', category: 'NO-SUCH' })).rejects.toMatchObject({
    code: 'UNKNOWN_CATEGORY',
  });
});
