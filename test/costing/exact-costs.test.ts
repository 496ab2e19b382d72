import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { startTransfer } from '../../domain/stock/transfers/start';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { listValuedProducts, valueProduct, valueStock } from '../../domain/warehousing/costing/valuation';
import type { ValuationMethod } from '../../domain/warehousing/costing/types';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { withStock } from '../support/stock';
import { deliver } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const deliverAt = (sku: string, quantity: number, unitCostMinor?: number, location?: string) =>
  deliver(shop.db, [{ sku, quantity, unitCostMinor }], location);

const take = (sku: string, units: number, location = 'AMS') =>
  adjustStock(withStock(shop.db), {
    sku,
    location,
    change: { delta: -units },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });

async function send(
  sku: string,
  quantity: number,
  from: string,
  to: string,
): Promise<() => Promise<unknown>> {
  const transferId = newId();
  const request = {
    transferId,
    sku,
    from,
    to,
    quantity,
    mode: 'in_transit',
    actor: 'test',
    transitSeconds: 60,
  };
  await startTransfer(withStock(shop.db), { ...request, mode: 'in_transit' });
  return () => receiveTransfer(withStock(shop.db), { transferId, receiptId: newId(), actor: 'test' });
}

const value = (sku: string, method: ValuationMethod, asOf?: string) =>
  valueProduct(shop.db, sku, { method, asOf });

async function newCategory(skus: readonly string[]): Promise<string> {
  const category = newId();
  await shop.db.pool.query(
    `with made as (insert into categories (code, name) values ($1, $1) returning id)
     update products set category_id = made.id from made where sku = any ($2)`,
    [category, skus],
  );
  return category;
}

async function databaseTime(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ at: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  return rows[0]?.at ?? '';
}

test('units on their way between locations count in the average and in the value', async () => {
  const sku = await shop.product({});
  await deliverAt(sku, 10, 100);
  const arrive = await send(sku, 10, 'AMS', 'BER');
  await deliverAt(sku, 10, 200);
  for (const method of ['average', 'fifo'] as const) {
    expect(await value(sku, method)).toMatchObject({
      onHand: 10,
      inTransit: 10,
      valueMinor: 3_000,
      uncosted: 0,
    });
  }
  await arrive();
  for (const method of ['average', 'fifo'] as const) {
    expect(await value(sku, method)).toMatchObject({ onHand: 20, inTransit: 0, valueMinor: 3_000 });
  }
  expect(await value(sku, 'average')).toMatchObject({ unitCostMinor: 150 });
});

test('opening stock without a cost is told, and nothing is averaged over it', async () => {
  const sku = await shop.product({ AMS: 5 });
  await deliverAt(sku, 10, 100);
  expect(await value(sku, 'average')).toMatchObject({ onHand: 15, valueMinor: 1_000, uncosted: 5 });
  await deliverAt(sku, 10, 200);
  expect(await value(sku, 'average')).toMatchObject({ valueMinor: 3_000, uncosted: 5, unitCostMinor: 150 });
  // It was there first, so it leaves first, as by FIFO.
  await take(sku, 3);
  expect(await value(sku, 'average')).toMatchObject({ onHand: 22, valueMinor: 3_000, uncosted: 2 });
  expect(await value(sku, 'fifo')).toMatchObject({ onHand: 22, valueMinor: 3_000, uncosted: 2 });
  await take(sku, 12);
  expect(await value(sku, 'average')).toMatchObject({ onHand: 10, valueMinor: 1_500, uncosted: 0 });
  await deliverAt(sku, 10, 250);
  expect(await value(sku, 'average')).toMatchObject({ valueMinor: 4_000, unitCostMinor: 200 });
});

test('an average of a third loses nothing, however many units it is about', async () => {
  const sku = await shop.product({});
  await deliver(shop.db, [
    { sku, quantity: 100_000_001, unitCostMinor: 3_333_333 },
    { sku, quantity: 200_000_001, unitCostMinor: 7 },
  ]);
  const expected = 100_000_001n * 3_333_333n + 200_000_001n * 7n;
  for (const method of ['average', 'fifo'] as const)
    expect((await value(sku, method))?.valueMinor).toBe(Number(expected));
});

test.each([
  ['the units of a line', [{ quantity: 1_000_000_000, unitCostMinor: Number.MAX_SAFE_INTEGER }]],
  [
    'the lines of a receipt',
    [
      { quantity: 1, unitCostMinor: Number.MAX_SAFE_INTEGER },
      { quantity: 1, unitCostMinor: 1 },
    ],
  ],
])('a cost beyond what JSON can tell exactly is refused: %s', async (_, lines) => {
  const sku = await shop.product({});
  await expect(
    deliver(
      shop.db,
      lines.map((line) => ({ sku, ...line })),
    ),
  ).rejects.toMatchObject({
    code: 'AMOUNT_OVERFLOW',
  });
  expect(await value(sku, 'average')).toMatchObject({ onHand: 0, valueMinor: 0, currency: null });
});

test('so is one that would make all units of a product cost more', async () => {
  const sku = await shop.product({});
  await deliverAt(sku, 1, Number.MAX_SAFE_INTEGER);
  await expect(deliverAt(sku, 1, 1)).rejects.toMatchObject({ code: 'AMOUNT_OVERFLOW' });
  expect((await value(sku, 'average'))?.valueMinor).toBe(Number.MAX_SAFE_INTEGER);
  // Sums over products may be larger, and are exact.
  const other = await shop.product({});
  await deliverAt(other, 3, 1_234_567_890_123_457);
  const category = await newCategory([sku, other]);
  for (const method of ['average', 'fifo'] as const) {
    const { totals } = await valueStock(shop.db, { method, category });
    expect(totals[0]?.valueMinor).toBe(9_007_199_254_740_991n + 3n * 1_234_567_890_123_457n);
  }
});

test('what the locations and products of a valuation are worth adds up to its total', async () => {
  const random = seededRandom();
  const places = ['AMS', 'BER', 'NYC'];
  const skus: string[] = [];
  for (let n = 0; n < 6; n++) {
    const sku = await shop.product({ AMS: random.whole(0, 3) });
    skus.push(sku);
    for (let m = 0; m < 4; m++)
      await deliverAt(sku, random.whole(1, 9), random.whole(1, 100), places[random.whole(0, 2)]);
  }
  const category = await newCategory(skus);
  for (const method of ['fifo', 'average'] as const) {
    const whole = await valueStock(shop.db, { method, category });
    const byPlace = await Promise.all(
      places.map((location) => valueStock(shop.db, { method, category, location })),
    );
    const sums = { valueMinor: 0, quantity: 0, uncosted: 0 };
    for (const { totals, uncosted } of byPlace) {
      for (const total of totals) {
        sums.valueMinor += Number(total.valueMinor);
        sums.quantity += Number(total.quantity);
      }
      sums.uncosted += Number(uncosted);
    }
    const [total] = whole.totals;
    expect(sums).toEqual({
      valueMinor: total?.valueMinor,
      quantity: total?.quantity,
      uncosted: whole.uncosted,
    });
    for (const location of [undefined, ...places]) {
      const page = { after: '', limit: 100, offset: 0 };
      const { items } = await listValuedProducts(shop.db, { method, category, location }, page);
      const report = await valueStock(shop.db, { method, category, location });
      expect(items.reduce((sum, item) => sum + Number(item.valueMinor), 0)).toBe(
        report.totals[0]?.valueMinor ?? 0,
      );
    }
  }
});

test('what stock was worth at a time in the past stays what it was', async () => {
  const sku = await shop.product({ AMS: 2 });
  const category = await newCategory([sku]);
  const methods = ['fifo', 'average'] as const;
  const seen: { at: string; expected: unknown[] }[] = [];
  const look = async () => {
    const expected = [];
    for (const method of methods) {
      expected.push(await value(sku, method), await valueStock(shop.db, { method, category }));
      expected.push(
        await listValuedProducts(shop.db, { method, category }, { after: '', limit: 5, offset: 0 }),
      );
    }
    seen.push({ at: await databaseTime(), expected });
  };
  await look();
  await deliverAt(sku, 10, 100);
  await look();
  const arrive = await send(sku, 7, 'AMS', 'BER');
  await look();
  await deliverAt(sku, 5, 161);
  await look();
  await arrive();
  await take(sku, 6, 'BER');
  await look();
  for (const { at, expected } of seen) {
    const then = [];
    for (const method of methods) {
      const { asOf, final, ...product } = (await value(sku, method, at)) ?? {};
      const {
        asOf: alsoAsOf,
        final: alsoFinal,
        ...totals
      } = await valueStock(shop.db, { method, category, asOf: at });
      // Of a category nothing is final.
      expect([asOf, alsoAsOf, final, alsoFinal]).toEqual([at, at, true, false]);
      then.push(product, totals);
      then.push(
        await listValuedProducts(shop.db, { method, category, asOf: at }, { after: '', limit: 5, offset: 0 }),
      );
    }
    // The currency of a product's costs is known later only.
    const plain = (result: unknown) =>
      JSON.parse(JSON.stringify(result).replaceAll('"currency":null', '"currency":"USD"')) as unknown;
    if (at !== seen[0]?.at) expect(plain(then)).toEqual(plain(expected));
    else expect(then[0]).toMatchObject({ onHand: 2, valueMinor: 0, uncosted: 2 });
  }
});
