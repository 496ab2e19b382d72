import { setTimeout as delay } from 'node:timers/promises';
import { applyUpdates, type BatchRequest, type BatchUpdate } from '../../domain/stock/adjustments/batch';
import type { UpdateOutcome } from '../../domain/stock/adjustments/batch-outcomes';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { levelsOf, openOrderShop, orderOf, PAYMENT, twice, viewOf, type OrderShop } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

function update(sku: string, delta: number, rest: Partial<BatchUpdate> = {}): BatchUpdate {
  return { sku, location: 'AMS', delta, reason: 'test', ...rest };
}

function apply(updates: readonly BatchUpdate[], rest: Partial<BatchRequest> = {}, db: Database = shop.db) {
  return applyUpdates(withStock(db), { batchId: newId(), atomic: false, actor: 'tester', updates, ...rest });
}

const codes = ({ outcomes }: { outcomes: UpdateOutcome[] }) => outcomes.map((v) => v.code ?? v.status);

async function ledgerOf(sku: string): Promise<number[]> {
  const found = await shop.db.pool.query<{ delta: number }>(
    `select on_hand_delta as delta from inventory_transactions t join products p on p.id = t.product_id
     where p.sku = $1 and kind = 'adjust' order by t.id`,
    [sku],
  );
  return found.rows.map((row) => row.delta);
}

/** A database whose nth transaction fails before it begins, as if the process had died there. */
function dyingAt(db: Database, nth: number): Database {
  let begun = 0;
  return {
    ...db,
    retrying(work, limits) {
      begun += 1;
      return begun === nth ? Promise.reject(new Error('died')) : db.retrying(work, limits);
    },
  };
}

/** A database that loses the response of its nth transaction after it was committed. */
function deafAt(db: Database, nth: number): Database {
  let begun = 0;
  return {
    ...db,
    async retrying(work, limits) {
      begun += 1;
      const lost = begun === nth;
      const answer = await db.retrying(work, limits);
      if (lost) throw new Error('died');
      return answer;
    },
  };
}

test('each update has an outcome, and the level its transaction leaves', async () => {
  const a = await shop.product({ AMS: 10 });
  const b = await shop.product({ AMS: 10, BER: 2 });
  await shop.place(orderOf({ [a]: 4 }));
  const result = await apply([
    update(a, 5),
    update(b, -3, { location: 'BER' }),
    update(a, -12),
    update('NO-SUCH', 1),
    update(a, 1, { location: 'NO-SUCH' }),
    update(b, 2_147_483_647),
    update(b, -1, { location: 'NYC' }),
    update(b, 7, { location: 'NYC', reference: 'PO-1' }),
  ]);
  expect(codes(result)).toEqual([
    'applied',
    'WOULD_GO_NEGATIVE',
    'BELOW_RESERVED',
    'UNKNOWN_SKU',
    'UNKNOWN_LOCATION',
    'QUANTITY_OVERFLOW',
    'WOULD_GO_NEGATIVE',
    'applied',
  ]);
  expect(result).toMatchObject({ applied: 2, rejected: 6 });
  expect(result.outcomes.map((v) => v.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(result.outcomes[0]?.location).toEqual({
    warehouse: 'AMS',
    onHand: 15,
    reserved: 4,
    available: 11,
    status: 'available',
  });
  expect(result.outcomes[3]?.location).toBeNull();
  expect(result.outcomes[7]?.location).toMatchObject({ warehouse: 'NYC', onHand: 7 });
  expect(await levelsOf(shop.db, a)).toEqual({ AMS: [15, 4] });
  expect(await levelsOf(shop.db, b)).toEqual({ AMS: [10, 0], BER: [2, 0], NYC: [7, 0] });
});

test('updates of one row are judged in their order, each after the one before it', async () => {
  const sku = await shop.product({ AMS: 5 });
  const result = await apply([
    update(sku, -6),
    update(sku, 3),
    update(sku, -6),
    update(sku, -3),
    update(sku, 1),
  ]);
  expect(codes(result)).toEqual(['WOULD_GO_NEGATIVE', 'applied', 'applied', 'WOULD_GO_NEGATIVE', 'applied']);
  expect(await ledgerOf(sku)).toEqual([3, -6, 1]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
});

test('a sum that overflows half-way is judged where it does', async () => {
  const sku = await shop.product({});
  const result = await apply([
    update(sku, 1_000_000_000),
    update(sku, 1_000_000_000),
    update(sku, 1_000_000_000),
  ]);
  expect(codes(result)).toEqual(['applied', 'applied', 'QUANTITY_OVERFLOW']);
});

test('an update that is refused makes no stock row', async () => {
  const sku = await shop.product({});
  await apply([update(sku, -1)]);
  const found = await shop.db.pool.query(
    'select 1 from stock where product_id = (select id from products where sku = $1)',
    [sku],
  );
  expect(found.rowCount).toBe(0);
});

test('an atomic batch with one update that cannot be applied changes nothing and names it', async () => {
  const a = await shop.product({ AMS: 10 });
  const b = await shop.product({});
  await twice(shop.db, async () => {
    await expect(
      apply([update(a, 1), update(a, -20), update(b, 3), update('NO-SUCH', 1)], { atomic: true }),
    ).rejects.toMatchObject({
      code: 'BATCH_REJECTED',
      details: {
        rejected: [
          { index: 1, code: 'WOULD_GO_NEGATIVE', location: { onHand: 10 } },
          { index: 3, code: 'UNKNOWN_SKU', location: null },
        ],
      },
    });
  });
  expect(await levelsOf(shop.db, a)).toEqual({ AMS: [10, 0] });
  expect(await apply([update(a, 1), update(b, 3)], { atomic: true })).toMatchObject({
    applied: 2,
    rejected: 0,
  });
});

test('an atomic batch is one transaction, however long', async () => {
  const sku = await shop.product({ AMS: 1 });
  const updates = Array.from({ length: 2_500 }, (_, n) => update(sku, n === 2_400 ? -10_000 : 1));
  await expect(apply(updates, { atomic: true, chunkSize: 100 })).rejects.toMatchObject({
    code: 'BATCH_REJECTED',
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
});

test.each([true, false])(
  'the same batch again (atomic: %s) gets its first response and changes nothing',
  async (atomic) => {
    const a = await shop.product({ AMS: 10 });
    const request = { batchId: newId(), atomic, chunkSize: 2 };
    const updates = [update(a, 2), update(a, -4), update(a, 1), update(a, atomic ? 6 : -1_000), update(a, 7)];
    const first = await apply(updates, request);
    await apply([update(a, 100)]);
    const [, again] = await twice(shop.db, () => apply(updates, request));
    expect(again).toEqual(first);
  },
);

test('what was refused stays refused when the batch is sent again, though it could be applied by now', async () => {
  const sku = await shop.product({ AMS: 1 });
  const request = { batchId: newId() };
  const updates = [update(sku, -5), update(sku, 10)];
  expect(codes(await apply(updates, request))).toEqual(['WOULD_GO_NEGATIVE', 'applied']);
  expect(codes(await apply(updates, request))).toEqual(['WOULD_GO_NEGATIVE', 'applied']);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [11, 0] });
});

test.each([
  ['before', dyingAt],
  ['after', deafAt],
] as const)(
  'a batch that dies %s one of its chunks and is sent again applies each update once',
  async (_when, breaking) => {
    for (let nth = 1; nth <= 4; nth++) {
      const skus = await Promise.all([shop.product({ AMS: 1 }), shop.product({})]);
      const updates = Array.from({ length: 10 }, (_, n) => update(skus[n % 2]!, n === 6 ? -1_000 : n + 1));
      const request = { batchId: newId(), chunkSize: 3 };
      await expect(apply(updates, request, breaking(shop.db, nth))).rejects.toThrow('died');
      expect(await apply(updates, request)).toMatchObject({ applied: 9, rejected: 1 });
      expect(await ledgerOf(skus[0])).toEqual([1, 3, 5, 9]);
      expect(await ledgerOf(skus[1])).toEqual([2, 4, 6, 8, 10]);
    }
  },
);

test('the same batch ten times at once is applied once, and all get one response', async () => {
  const sku = await shop.product({ AMS: 3 });
  const request = { batchId: newId(), chunkSize: 2 };
  const updates = [
    update(sku, 1),
    update(sku, -2),
    update('NO-SUCH', 1),
    update('NO-SUCH', 2),
    update(sku, -9),
  ];
  const answers = await Promise.all(Array.from({ length: 10 }, () => apply(updates, request)));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
});

test('what a batch brings goes to those who wait, first come first served', async () => {
  const sku = await shop.product({ AMS: 0 });
  const orders = [1, 2, 3].map((quantity) =>
    orderOf({ [sku]: quantity }, { fulfilment: 'backorder', payment: PAYMENT }),
  );
  for (const order of orders) await shop.place(order);
  const result = await apply([update(sku, 9), update(sku, -5), update(sku, 1, { location: 'BER' })]);
  expect(codes(result)).toEqual(['applied', 'applied', 'applied']);
  // 4 net in AMS and 1 in BER: the first and second in full, and two of three for the last.
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4], BER: [1, 1] });
  expect(result.outcomes[0]?.location).toMatchObject({
    onHand: 4,
    reserved: 4,
    available: 0,
    status: 'out_of_stock',
  });
  const items = await Promise.all(
    orders.map(async (order) => (await viewOf(shop.db, order.orderId)).items[0]),
  );
  expect(items.map((item) => item?.backorderedQuantity)).toEqual([0, 0, 1]);
});

test('five thousand updates in one batch are each in the ledger', async () => {
  const skus = await Promise.all(Array.from({ length: 50 }, () => shop.product({ AMS: 100 })));
  const places = ['AMS', 'BER'];
  const updates = Array.from({ length: 5_000 }, (_, n) =>
    update(skus[n % 50]!, 1, { location: places[Math.floor(n / 50) % 2]!, reference: `line-${n}` }),
  );
  expect(await apply(updates)).toMatchObject({ applied: 5_000, rejected: 0 });
  expect(await apply(updates, { atomic: true })).toMatchObject({ applied: 5_000, rejected: 0 });
  for (const sku of skus) expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [200, 0], BER: [100, 0] });
});

test('batches over the same rows in opposite order, with orders in between, never fail', async () => {
  const random = seededRandom();
  for (let round = 0; round < 12; round++) {
    const skus = await Promise.all(Array.from({ length: 12 }, () => shop.product({ AMS: 100 })));
    const batches = Array.from({ length: 8 }, (_, n) => {
      const order = n % 2 === 0 ? skus : [...skus].reverse();
      return order.flatMap((sku) => [
        update(sku, random.whole(-5, -3)),
        update(sku, 4, { location: n % 3 === 0 ? 'NYC' : 'BER' }),
      ]);
    });
    const results = await Promise.all([
      ...batches.map(async (updates, n) => {
        await delay(random.whole(0, 2));
        return apply(updates, { atomic: n % 4 === 0, chunkSize: 7 });
      }),
      ...skus.map((sku) => shop.place(orderOf({ [sku]: 2 })).then(() => null)),
    ]);
    for (const result of results) if (result) expect(result.rejected).toBe(0);
  }
});

test('the ledger keeps what each update said', async () => {
  const sku = await shop.product({});
  await apply([update(sku, 2, { reason: 'found', reference: 'NOTE-1' }), update(sku, 1)], {
    kind: 'receipt',
  });
  const found = await shop.db.pool.query(
    `select kind, on_hand_delta, reason, reference, actor from inventory_transactions t
     where product_id = (select id from products where sku = $1) order by t.id`,
    [sku],
  );
  expect(found.rows).toEqual([
    { kind: 'receipt', on_hand_delta: 2, reason: 'found', reference: 'NOTE-1', actor: 'tester' },
    { kind: 'receipt', on_hand_delta: 1, reason: 'test', reference: null, actor: 'tester' },
  ]);
});

test('an empty batch is applied', async () => {
  expect(await apply([])).toEqual({ applied: 0, rejected: 0, outcomes: [] });
  expect(await apply([], { atomic: true })).toEqual({ applied: 0, rejected: 0, outcomes: [] });
});
