import { adjustStock, type Adjustment } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { levelsOf, openOrderShop, orderOf, receive, twice, type OrderShop } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

function adjust(sku: string, change: Adjustment['change'], rest: Partial<Adjustment> = {}) {
  const base = { sku, location: 'AMS', change, reason: 'test', actor: 'tester', effectId: newId() };
  return adjustStock(withStock(shop.db), { ...base, ...rest });
}

/** A product with 10 on hand in AMS, 4 of them reserved. */
async function tenWithFourReserved(): Promise<string> {
  const sku = await shop.product({ AMS: 10 });
  await shop.place(orderOf({ [sku]: 4 }));
  return sku;
}

test('a difference is added or taken, and the result is the level it leaves', async () => {
  const sku = await tenWithFourReserved();
  expect(await adjust(sku, { delta: 5 })).toMatchObject({
    onHand: 15,
    reserved: 4,
    available: 11,
    status: 'available',
  });
  expect(await adjust(sku, { delta: -11 })).toMatchObject({
    onHand: 4,
    available: 0,
    status: 'out_of_stock',
  });
});

test('a count sets what is on hand, also when it finds what is there', async () => {
  const sku = await tenWithFourReserved();
  expect(await adjust(sku, { setTo: 7 })).toMatchObject({ onHand: 7, available: 3 });
  await twice(shop.db, () => adjust(sku, { setTo: 7 }, { effectId: '018f0000-0000-7000-8000-000000000001' }));
});

test('what is at its threshold is low', async () => {
  const sku = await shop.product({ AMS: 10 });
  await shop.db.pool.query(
    'update stock set low_stock_threshold = 3 where product_id = (select id from products where sku = $1)',
    [sku],
  );
  expect(await adjust(sku, { setTo: 3 })).toMatchObject({ status: 'low_stock' });
});

test('the first stock of a product in a place makes its row', async () => {
  const sku = await shop.product({});
  await adjust(sku, { delta: 2 }, { location: 'NYC' });
  expect(await levelsOf(shop.db, sku)).toEqual({ NYC: [2, 0] });
});

test('the same effect again returns the level and changes nothing, whatever it asks for', async () => {
  const sku = await tenWithFourReserved();
  const effectId = newId();
  const [first, second] = await twice(shop.db, () => adjust(sku, { delta: -3 }, { effectId }));
  expect(second).toEqual(first);
  expect(await adjust(sku, { delta: 1_000 }, { effectId })).toMatchObject({ onHand: 7 });
});

test('the same effect twenty times at once is applied once', async () => {
  const sku = await shop.product({});
  const effectId = newId();
  await Promise.all(Array.from({ length: 20 }, () => adjust(sku, { delta: 5 }, { effectId })));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
});

test('a hundred adjustments at once are all applied', async () => {
  const sku = await shop.product({ AMS: 50 });
  await Promise.all(Array.from({ length: 100 }, (_, n) => adjust(sku, { delta: n % 2 === 0 ? 1 : -1 })));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [50, 0] });
});

test('orders and corrections downwards at once never leave less than is reserved', async () => {
  for (let round = 0; round < 20; round++) {
    const sku = await shop.product({ AMS: 10 });
    await Promise.allSettled([
      ...Array.from({ length: 6 }, () => shop.place(orderOf({ [sku]: 2 }))),
      ...Array.from({ length: 6 }, () => adjust(sku, { delta: -2 })),
    ]);
    const [level] = Object.values(await levelsOf(shop.db, sku));
    expect(level?.[0]).toBe(level?.[1]);
  }
});

describe('an adjustment is refused, and changes nothing,', () => {
  test.each([
    ['for an unknown product', { sku: 'NO-SUCH' }, { delta: 1 }, 'UNKNOWN_SKU'],
    ['for an unknown location', { location: 'NO-SUCH' }, { delta: 1 }, 'UNKNOWN_LOCATION'],
    ['that would take more than there is', {}, { delta: -11 }, 'WOULD_GO_NEGATIVE'],
    ['to a count below zero', {}, { setTo: -1 }, 'WOULD_GO_NEGATIVE'],
    ['that would take what is reserved', {}, { delta: -7 }, 'BELOW_RESERVED'],
    ['to a count below what is reserved', {}, { setTo: 3 }, 'BELOW_RESERVED'],
    ['that makes more than can be counted', {}, { delta: 2_147_483_647 }, 'QUANTITY_OVERFLOW'],
    ['to a count that cannot be counted', {}, { setTo: 9_000_000_000 }, 'QUANTITY_OVERFLOW'],
  ] as const)('%s', async (_name, rest, change, code) => {
    const sku = await tenWithFourReserved();
    await expect(adjust(sku, change, rest)).rejects.toMatchObject({ name: 'AppError', code });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 4] });
  });

  test('and its effect id is free for a better one', async () => {
    const sku = await shop.product({});
    const effectId = newId();
    await expect(adjust(sku, { delta: -1 }, { effectId })).rejects.toMatchObject({
      code: 'WOULD_GO_NEGATIVE',
    });
    expect(await adjust(sku, { delta: 1 }, { effectId })).toMatchObject({ onHand: 1 });
  });
});

test('the ledger keeps who changed what, why and on what paper', async () => {
  const sku = await shop.product({});
  await adjust(sku, { delta: 3 }, { reason: 'found', reference: 'NOTE-7' });
  await receive(shop.db, sku, 'AMS', 1);
  const found = await shop.db.pool.query(
    `select kind, on_hand_delta, reserved_delta, reason, reference, actor, xid is not null as sealed_by
     from inventory_transactions where product_id = (select id from products where sku = $1) order by id`,
    [sku],
  );
  expect(found.rows).toMatchObject([
    {
      kind: 'adjust',
      on_hand_delta: 3,
      reserved_delta: 0,
      reason: 'found',
      reference: 'NOTE-7',
      actor: 'tester',
      sealed_by: true,
    },
    { kind: 'adjust', on_hand_delta: 1, reference: null },
  ]);
});
