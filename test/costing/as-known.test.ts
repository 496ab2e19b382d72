import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { listValuedProducts, valueProduct, valueStock } from '../../domain/warehousing/costing/valuation';
import { correctReceipt, reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import type { LineCorrection, ReceiptLineInput } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const change = (receiptId: string) => ({ receiptId, changeId: newId(), reason: 'mistyped', actor: 'clerk' });
const correct = (receiptId: string, ...corrections: LineCorrection[]) =>
  correctReceipt(withStock(shop.db), { ...change(receiptId), corrections });
const adjust = (sku: string, delta: number) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { delta },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });

async function databaseTime(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ at: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  return rows[0]?.at ?? '';
}

/** What is said of the stock, of one product and of all, at a time or now. */
async function answers(sku: string, asOf?: string) {
  const said = [];
  for (const method of ['fifo', 'average'] as const) {
    said.push(await valueProduct(shop.db, sku, { method, asOf }));
    for (const location of [undefined, 'AMS', 'BER']) {
      said.push(await valueStock(shop.db, { method, asOf, location }));
      const page = { after: '', limit: 50, offset: 0 };
      said.push(await listValuedProducts(shop.db, { method, asOf, location }, page));
    }
  }
  return said;
}

/** Without what only an answer about the past has, and without what is as exact but another number. */
function plain(said: unknown): unknown {
  return JSON.parse(JSON.stringify(said), (name, value: unknown) =>
    name === 'asOf' || name === 'final' ? undefined : value,
  );
}

test('what is known of a time is what was known then, whatever is corrected later, and is final', async () => {
  const sku = await shop.product({ AMS: 2 });
  const take = async (line: Omit<ReceiptLineInput, 'sku'>, location?: string) =>
    (await deliver(shop.db, [{ sku, ...line }], location)).id;
  const said: { at: string; now: unknown }[] = [];
  const look = async () => {
    const now = plain(await answers(sku));
    said.push({ at: await databaseTime(), now });
  };
  const first = await take({ quantity: 10, unitCostMinor: 100, currency: 'EUR' });
  await look();
  await correct(first, { line: 1, unitCostMinor: 90 });
  await look();
  const second = await take({ quantity: 100, unitCostMinor: 200, currency: 'EUR' }, 'BER');
  await look();
  await correct(second, { line: 1, quantity: 10 });
  await correct(second, { line: 1, unitCostMinor: null });
  await look();
  await adjust(sku, -5);
  await correct(second, { line: 1, quantity: 12, unitCostMinor: 210 });
  await look();
  await reverseReceipt(withStock(shop.db), change(second));
  await look();
  await adjust(sku, 5);
  await reverseReceipt(withStock(shop.db), change(first));
  await look();
  for (const { at, now } of said) {
    const then = await answers(sku, at);
    expect(then[0]).toMatchObject({ asOf: at, final: true });
    expect(plain(then)).toEqual(now);
  }
});

test('the currency of a time is the one of then, also when the costs are in another one now', async () => {
  const sku = await shop.product({ AMS: 2 });
  const take = async (currency: string) =>
    (await deliver(shop.db, [{ sku, quantity: 3, unitCostMinor: 50, currency }])).id;
  const euros = await take('EUR');
  const said = [{ at: await databaseTime(), now: plain(await answers(sku)) }];
  await reverseReceipt(withStock(shop.db), change(euros));
  said.push({ at: await databaseTime(), now: plain(await answers(sku)) });
  await take('USD');
  said.push({ at: await databaseTime(), now: plain(await answers(sku)) });
  for (const { at, now } of said) expect(plain(await answers(sku, at))).toEqual(now);
});

test('a time before the first cost says no currency, also when there is one later', async () => {
  const sku = await shop.product({ AMS: 2 });
  const at = await databaseTime();
  const before = await answers(sku, at);
  await deliver(shop.db, [{ sku, quantity: 3, unitCostMinor: 50 }]);
  expect(await answers(sku, at)).toEqual(before);
});

test('nothing is said to be final of a category: products are in the categories of today', async () => {
  const sku = await shop.product({ AMS: 1 });
  await shop.db.pool.query(
    `with made as (insert into categories (code, name) values ('LATER', 'Later') returning id)
     update products set category_id = made.id from made where sku = $1`,
    [sku],
  );
  const asOf = await databaseTime();
  expect(await valueStock(shop.db, { method: 'fifo', asOf })).toMatchObject({ final: true });
  expect(await valueStock(shop.db, { method: 'fifo', asOf, category: 'LATER' })).toMatchObject({
    final: false,
  });
});

test('units that come without a cost are none of those whose cost is known', async () => {
  const sku = await shop.product({});
  const { id } = await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  await adjust(sku, -6);
  const bare = await deliver(shop.db, [{ sku, quantity: 6 }]);
  const value = () => valueProduct(shop.db, sku, { method: 'average' });
  expect(await value()).toMatchObject({ valueMinor: 400, uncosted: 6, unitCostMinor: 100 });
  await correct(bare.id, { line: 1, quantity: 8 });
  expect(await value()).toMatchObject({ valueMinor: 400, uncosted: 8 });
  // The invoice of the first delivery says 110: what is left bears it.
  await correct(id, { line: 1, unitCostMinor: 110 });
  expect(await value()).toMatchObject({ valueMinor: 500, uncosted: 8 });
  await reverseReceipt(withStock(shop.db), change(bare.id));
  expect(await value()).toMatchObject({ valueMinor: 500, uncosted: 0 });
});
