import { setTracking } from '../../domain/stock/tracking/set-tracking';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { selectSerial } from '../../domain/stock/tracking/view-queries';
import { valueProduct } from '../../domain/warehousing/costing/valuation';
import { newId } from '../../platform/ids';
import { countingIn } from '../counting/support';
import { levelsOf, openOrderShop, type OrderShop } from '../db/support';
import { importFeed } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { inDays, lotsOf, serialsOf, trackedProduct } from '../tracking/support';
import { correctingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { take, correct, reverse } = correctingIn(() => shop);
const adjust = (sku: string, change: Parameters<typeof adjustStock>[1]['change']) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change,
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });
const count = (sku: string, setTo: number, asOf?: string) => adjust(sku, { setTo, asOf });
const sell = (sku: string, units: number) => adjust(sku, { delta: -units });
const onHand = async (sku: string) => (await levelsOf(shop.db, sku)).AMS?.[0] ?? 0;

async function databaseTime(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ at: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  return rows[0]?.at ?? '';
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, n) =>
    permutations([...items.slice(0, n), ...items.slice(n + 1)]).map((rest) => [item, ...rest]),
  );
}

describe('a receipt that is corrected after the shelf was counted', () => {
  test.each([
    ['corrected to what came', 10, 14],
    ['corrected to more', 105, 14],
    ['taken back', 0, 4],
  ])('and is %s leaves the number that was counted, in every order of posting', async (_, came, counted) => {
    for (const order of permutations(['count', 'correct', 'sell'] as const)) {
      const sku = await shop.product({ AMS: 4 });
      const receipt = await take([{ sku, quantity: 100, unitCostMinor: 10 }]);
      const countedAt = await databaseTime();
      const steps = {
        count: () => count(sku, counted, countedAt),
        correct: () =>
          came === 0 ? reverse(receipt) : correct(receipt, { line: 1, quantity: came, unitCostMinor: 11 }),
        sell: () => sell(sku, 3),
      };
      for (const step of order) await steps[step]();
      expect({ order, onHand: await onHand(sku) }).toEqual({ order, onHand: counted - 3 });
      await expectInvariants(shop.db);
    }
  });

  test('still moves units where the count is as of before it came, in both orders', async () => {
    for (const isCountFirst of [true, false]) {
      const sku = await shop.product({ AMS: 4 });
      const before = await databaseTime();
      const receipt = await take([{ sku, quantity: 100 }]);
      if (isCountFirst) await count(sku, 5, before);
      await correct(receipt, { line: 1, quantity: 10 });
      if (!isCountFirst) await count(sku, 5, before);
      expect(await onHand(sku)).toBe(15);
    }
  });

  test('is decided product by product, and its document says what came', async () => {
    const [counted, other] = [await shop.product({}), await shop.product({})];
    const receipt = await take([
      { sku: counted, quantity: 100 },
      { sku: other, quantity: 100 },
      { sku: counted, quantity: 5 },
    ]);
    await count(counted, 15);
    const after = await correct(receipt, { line: 1, quantity: 10 }, { line: 2, quantity: 10 });
    expect(after.lines.map(({ quantity }) => quantity)).toEqual([10, 10, 5]);
    expect([await onHand(counted), await onHand(other)]).toEqual([15, 10]);
    const { rows } = await shop.db.pool.query<{ sku: string; as_of: boolean }>(
      `select p.sku, t.as_of = r.received_at as as_of from inventory_transactions t join products p on p.id = t.product_id
       join receipts r on r.id = $1 where t.effect_id = $2`,
      [receipt.id, after.changes[0]?.id],
    );
    expect(rows).toEqual([{ sku: other, as_of: true }]);
  });

  test('costs what it would have cost if it had been right, also when more has come since', async () => {
    const [wrong, right] = [await shop.product({}), await shop.product({})];
    const receipt = await take([{ sku: wrong, quantity: 100, unitCostMinor: 20 }]);
    await take([{ sku: right, quantity: 10, unitCostMinor: 20 }]);
    for (const sku of [wrong, right]) {
      await count(sku, 10);
      await take([{ sku, quantity: 10, unitCostMinor: 30 }]);
    }
    await correct(receipt, { line: 1, quantity: 10 });
    for (const method of ['fifo', 'average'] as const) {
      const [made, expected] = await Promise.all(
        [wrong, right].map((sku) => valueProduct(shop.db, sku, { method })),
      );
      expect(expected).toMatchObject({ valueMinor: 500, uncosted: 0, onHand: 20 });
      expect(made).toMatchObject({ valueMinor: 500, uncosted: 0, onHand: 20 });
    }
  });

  test('gives back the cost that the count did not take off', async () => {
    const sku = await shop.product({});
    await take([{ sku, quantity: 100, unitCostMinor: 5 }]);
    const receipt = await take([{ sku, quantity: 100, unitCostMinor: 20 }]);
    await count(sku, 110);
    await take([{ sku, quantity: 10, unitCostMinor: 10 }]);
    await correct(receipt, { line: 1, quantity: 10 });
    // 100 at 5, 10 at 20 and 10 at 10.
    expect(await valueProduct(shop.db, sku, { method: 'average' })).toMatchObject({
      valueMinor: 800,
      uncosted: 0,
      onHand: 120,
    });
  });

  test('moves what is there into the right lot, and no unit more', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    const receipt = await take([{ sku, quantity: 100, lot: { code: 'L1', expiresOn: inDays(30) } }]);
    await count(sku, 8);
    await correct(receipt, { line: 1, quantity: 10, lot: { code: 'L2', expiresOn: inDays(20) } });
    expect(await lotsOf(shop.db, sku)).toEqual(['L2@AMS: 8']);
    await correct(receipt, { line: 1, quantity: 7 });
    expect(await lotsOf(shop.db, sku)).toEqual(['L2@AMS: 8']);
    await reverse(receipt);
    expect(await lotsOf(shop.db, sku)).toEqual(['L2@AMS: 8']);
    expect(await onHand(sku)).toBe(8);
  });

  test('gives up the number that did not come, and not the one that the count took', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    const receipt = await take([{ sku, quantity: 3, serials: ['A', 'B', 'C'] }]);
    await count(sku, 2);
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: removed', 'B@AMS: in_stock', 'C@AMS: in_stock']);
    await correct(receipt, { line: 1, quantity: 2, serials: ['B'] });
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: removed', 'C@AMS: in_stock']);
    expect(await onHand(sku)).toBe(2);
    // The number that the count took anyway is no obstacle.
    const other = await trackedProduct(shop, { serials: true });
    const two = await take([{ sku: other, quantity: 2, serials: ['A', 'B'] }]);
    await count(other, 1);
    await correct(two, { line: 1, quantity: 1, serials: ['A'] });
    expect(await serialsOf(shop.db, other)).toEqual(['A@AMS: removed', 'B@AMS: in_stock']);
  });

  test('takes in numbers that came in addition, never more of them than were counted', async () => {
    const sku = await trackedProduct(shop, { serials: true });
    const receipt = await take([{ sku, quantity: 2, serials: ['A', 'B'] }]);
    await count(sku, 3);
    await correct(receipt, { line: 1, quantity: 4, serials: ['C', 'D'] });
    expect(await serialsOf(shop.db, sku)).toEqual([
      'A@AMS: in_stock',
      'B@AMS: in_stock',
      'C@AMS: in_stock',
      'D@AMS: removed',
    ]);
    expect(await onHand(sku)).toBe(3);
    expect((await selectSerial(shop.db, 'C')).find((unit) => unit.sku === sku)).toMatchObject({
      receiptId: receipt.id,
    });
  });
});

describe('a receipt that is corrected after lots were counted', () => {
  const setLot = (sku: string, lot: string, quantity: number, asOf?: string) =>
    importFeed(shop.db, `sku,location,lot,quantity\n${sku},AMS,${lot},${quantity}`, { asOf });

  test('moves the units of its own lot where another one was counted, and their cost', async () => {
    for (const quantity of [7, 0]) {
      const sku = await trackedProduct(shop, { lots: true });
      const receipt = await take([{ sku, quantity: 10, unitCostMinor: 100, lot: { code: 'B' } }]);
      await setLot(sku, 'A', 5);
      if (quantity > 0) await correct(receipt, { line: 1, quantity });
      else await reverse(receipt);
      expect((await lotsOf(shop.db, sku)).sort()).toEqual([
        'A@AMS: 5',
        ...(quantity > 0 ? [`B@AMS: ${quantity}`] : []),
      ]);
      const value = await valueProduct(shop.db, sku, { method: 'average' });
      expect(value).toMatchObject({ onHand: 5 + quantity, valueMinor: quantity * 100, uncosted: 5 });
    }
  });

  test('is decided line by line', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    const receipt = await take([
      { sku, quantity: 10, unitCostMinor: 100, lot: { code: 'A' } },
      { sku, quantity: 10, unitCostMinor: 100, lot: { code: 'B' } },
    ]);
    await setLot(sku, 'A', 8);
    await correct(receipt, { line: 1, quantity: 7 }, { line: 2, quantity: 7 });
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 8', 'B@AMS: 7']);
    expect(await valueProduct(shop.db, sku, { method: 'average' })).toMatchObject({ onHand: 15 });
    await reverse(receipt);
    expect(await lotsOf(shop.db, sku)).toEqual(['A@AMS: 8']);
    expect(await onHand(sku)).toBe(8);
  });

  test.each([
    ['the right lot', { A7: 10 }, ['A7@AMS: 10']],
    ['both lots', { A1: 3, A7: 7 }, ['A1@AMS: 3', 'A7@AMS: 7']],
    ['both lots, of which the wrong one is none', { A1: 0, A7: 9 }, ['A7@AMS: 9']],
    ['the wrong lot', { A1: 8 }, ['A1@AMS: 8', 'A7@AMS: 10']],
    ['the wrong lot, of which none was there', { A1: 0 }, ['A7@AMS: 10']],
    ['the wrong lot, of which there were more', { A1: 13 }, ['A1@AMS: 13', 'A7@AMS: 10']],
  ])('leaves what was counted of %s, in both orders', async (_, counts, left) => {
    for (const isCountFirst of [true, false]) {
      const sku = await trackedProduct(shop, { lots: true });
      const receipt = await take([{ sku, quantity: 10, unitCostMinor: 100, lot: { code: 'A1' } }]);
      const asOf = await databaseTime();
      const count = () =>
        importFeed(
          shop.db,
          [
            'sku,location,lot,quantity',
            ...Object.entries(counts).map(([lot, n]) => `${sku},AMS,${lot},${n}`),
          ].join('\n'),
          { asOf },
        );
      if (isCountFirst) await count();
      await correct(receipt, { line: 1, lot: { code: 'A7' } });
      if (!isCountFirst) await count();
      expect({ isCountFirst, lots: (await lotsOf(shop.db, sku)).sort() }).toEqual({
        isCountFirst,
        lots: left,
      });
      await expectInvariants(shop.db);
    }
  });

  test.each([
    ['nothing else', false],
    ['another receipt', true],
  ])(
    'costs the same in both orders where the wrong lot was counted, and %s has come since',
    async (_, comes) => {
      for (const counted of [0, 8, 13]) {
        const values: unknown[] = [];
        for (const isCountFirst of [true, false]) {
          const sku = await trackedProduct(shop, { lots: true });
          const receipt = await take([{ sku, quantity: 10, unitCostMinor: 100, lot: { code: 'A1' } }]);
          const asOf = await databaseTime();
          if (isCountFirst) await setLot(sku, 'A1', counted, asOf);
          else await correct(receipt, { line: 1, lot: { code: 'A7' } });
          if (comes) await take([{ sku, quantity: 5, unitCostMinor: 100, lot: { code: 'B' } }]);
          if (isCountFirst) await correct(receipt, { line: 1, lot: { code: 'A7' } });
          else await setLot(sku, 'A1', counted, asOf);
          values.push(await valueProduct(shop.db, sku, { method: 'average' }));
        }
        const [countedFirst, correctedFirst] = values;
        expect(countedFirst).toMatchObject({ valueMinor: comes ? 1_500 : 1_000, uncosted: counted });
        expect(correctedFirst).toMatchObject({ valueMinor: comes ? 1_500 : 1_000, uncosted: counted });
      }
    },
  );

  test('moves nothing where each lot of the place was counted, in both orders', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    const receipt = await take([{ sku, quantity: 10, lot: { code: 'A1' } }]);
    const { sheetOf, countAll, submit, approve } = countingIn(() => shop);
    const sheet = await sheetOf([sku]);
    await countAll(sheet, [{ sku, lots: [{ code: 'A1', counted: 8 }] }]);
    await submit(sheet);
    await approve(sheet);
    await correct(receipt, { line: 1, lot: { code: 'A7' } });
    expect(await lotsOf(shop.db, sku)).toEqual(['A1@AMS: 8']);
  });

  test.each([true, false])(
    'brings no unit into a lot that came before there were any (counted: %s)',
    async (isCounted) => {
      const sku = await shop.product({});
      const receipt = await take([{ sku, quantity: 10 }]);
      await sell(sku, 10);
      await setTracking(shop.db, { actor: 'test', sku, lots: true, serials: false });
      await take([{ sku, quantity: 5, lot: { code: 'L1' } }]);
      if (isCounted) await count(sku, 5);
      await correct(receipt, { line: 1, lot: { code: 'L2' } });
      expect(await lotsOf(shop.db, sku)).toEqual(['L1@AMS: 5']);
    },
  );
});

describe('a correction', () => {
  test.each([
    ['a cost', { unitCostMinor: Number.MAX_SAFE_INTEGER }],
    ['a quantity', { quantity: 20 }],
    ['both', { quantity: 1_000_000_000, unitCostMinor: Number.MAX_SAFE_INTEGER }],
  ])('is refused where all units would cost more than can be told exactly: %s', async (_, change) => {
    const sku = await shop.product({});
    await take([{ sku, quantity: 1, unitCostMinor: 7 }]);
    const receipt = await take([{ sku, quantity: 10, unitCostMinor: 900_000_000_000_000 }]);
    const before = await valueProduct(shop.db, sku, { method: 'average' });
    await expect(correct(receipt, { line: 1, ...change })).rejects.toMatchObject({
      code: 'AMOUNT_OVERFLOW',
      details: { sku },
    });
    expect(await valueProduct(shop.db, sku, { method: 'average' })).toEqual(before);
    // Also when the average has changed since.
    await take([{ sku, quantity: 1, unitCostMinor: 1 }]);
    await expect(correct(receipt, { line: 1, ...change })).rejects.toMatchObject({ code: 'AMOUNT_OVERFLOW' });
  });

  test('a cost of before amounts were checked is told with all its digits', async () => {
    const sku = await shop.product({});
    const receipt = await take([{ sku, quantity: 1_000_000_000, unitCostMinor: 1 }]);
    await shop.db.pool.query('update receipt_lines set unit_cost_minor = $2 where receipt_id = $1', [
      receipt.id,
      Number.MAX_SAFE_INTEGER,
    ]);
    const found = await valueProduct(shop.db, sku, { method: 'fifo' });
    expect(found?.valueMinor).toBe(9_007_199_254_740_991n * 1_000_000_000n);
  });
});

test('the time of a receipt and of its changes is exact: at it, they are there', async () => {
  const sku = await shop.product({});
  const made = await take([{ sku, quantity: 7, unitCostMinor: 100 }]);
  const corrected = await correct(made, { line: 1, quantity: 5 });
  const value = async (asOf: string) =>
    (await valueProduct(shop.db, sku, { method: 'fifo', asOf }))?.valueMinor;
  expect(made.receivedAt).toMatch(/\.\d{6}Z$/);
  expect(await value(made.receivedAt)).toBe(700);
  expect(await value(corrected.changes[0]?.at ?? '')).toBe(500);
  const reversed = await reverse(made);
  expect(await value(reversed.reversedAt ?? '')).toBe(0);
  const layers = (await valueProduct(shop.db, sku, { method: 'fifo', asOf: made.receivedAt }))?.layers;
  expect(layers?.map(({ receivedAt }) => receivedAt)).toEqual([made.receivedAt]);
});
