import { listQualityHolds, readQualityHold } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { releaseFromHold, writeOffHold } from '../../domain/warehousing/quality/end-hold';
import type { NewQualityHold } from '../../domain/warehousing/quality/types';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, orderOf, twice, viewOf, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function hold(sku: string, quantity: number, rest: Partial<NewQualityHold> = {}) {
  const base = { holdId: newId(), sku, location: 'AMS', quantity, reason: 'scratched', actor: 'tester' };
  return putOnHold(shop.db, { ...base, ...rest });
}

const decision = (holdId: string, quantity?: number) => ({
  holdId,
  quantity,
  actor: 'tester',
  effectId: newId(),
});

test('units on hold are reserved and cannot be sold, and the ledger says why', async () => {
  const sku = await shop.product({ AMS: 10 });
  const made = await hold(sku, 4);
  expect(made).toMatchObject({
    sku,
    location: 'AMS',
    lot: null,
    status: 'open',
    quantity: 4,
    open: 4,
    reason: 'scratched',
  });
  expect(await readQualityHold(shop.db, made.id)).toEqual(made);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 4] });
  expect(await shop.place(orderOf({ [sku]: 7 }))).toMatchObject({ outcome: 'rejected' });
  const { rows } = await shop.db.pool.query(
    `select on_hand_delta, reserved_delta, reason, actor from inventory_transactions where kind = 'quality_hold' and effect_id = $1`,
    [made.id],
  );
  expect(rows).toEqual([{ on_hand_delta: 0, reserved_delta: 4, reason: 'scratched', actor: 'tester' }]);
});

test('the same quality hold again, also many at once, is one', async () => {
  const sku = await shop.product({ AMS: 10 });
  const holdId = newId();
  await Promise.all(Array.from({ length: 10 }, () => hold(sku, 4, { holdId })));
  const [first, again] = await twice(shop.db, () => hold(sku, 4, { holdId }));
  expect(again).toEqual(first);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 4] });
});

test('only what is available can be put on hold, however many try', async () => {
  const sku = await shop.product({ AMS: 10 });
  await shop.place(orderOf({ [sku]: 7 }));
  await expect(hold(sku, 4)).rejects.toMatchObject({ code: 'OUT_OF_STOCK', details: { available: 3 } });
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => hold(sku, 1)));
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(3);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 10] });
});

test('a release, in part or in whole, gives units back once, to backorders first', async () => {
  const sku = await shop.product({ AMS: 10 });
  const made = await hold(sku, 10);
  const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
  await shop.place(order);
  const part = decision(made.id, 3);
  const [first, again] = await twice(shop.db, () => releaseFromHold(withStock(shop.db), part));
  expect(again).toEqual(first);
  expect(first).toMatchObject({ status: 'open', open: 7, released: 3 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 9] });
  expect((await viewOf(shop.db, order.orderId)).items[0]).toMatchObject({ reservedQuantity: 2 });
  await twice(shop.db, () => releaseFromHold(withStock(shop.db), decision(made.id)));
  expect(await readQualityHold(shop.db, made.id)).toMatchObject({ status: 'closed', open: 0, released: 10 });
});

test('a write-off takes units off the stock, once', async () => {
  const sku = await shop.product({ AMS: 10 });
  const made = await hold(sku, 4);
  const part = decision(made.id, 1);
  await twice(shop.db, () => writeOffHold(withStock(shop.db), part));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 3] });
  expect(await writeOffHold(withStock(shop.db), decision(made.id))).toMatchObject({
    status: 'closed',
    writtenOff: 4,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 0] });
});

test('releases and write-offs at once never settle more than is on hold', async () => {
  for (let round = 0; round < 10; round++) {
    const sku = await shop.product({ AMS: 10 });
    const made = await hold(sku, 5);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? releaseFromHold : writeOffHold)(withStock(shop.db), decision(made.id, 1)),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(5);
    const closed = await readQualityHold(shop.db, made.id);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10 - (closed?.writtenOff ?? 0), 0] });
  }
});

test('quality holds are listed newest first by product, place and status', async () => {
  const sku = await shop.product({ AMS: 10, BER: 10 });
  const [a, b] = [await hold(sku, 1), await hold(sku, 2, { location: 'BER' })];
  await releaseFromHold(withStock(shop.db), decision(a.id));
  const page = { sku, limit: 10, offset: 0 };
  const ids = async (filter: object) =>
    (await listQualityHolds(shop.db, { ...page, ...filter })).items.map((item) => item.id);
  expect(await ids({})).toEqual([b.id, a.id]);
  expect(await ids({ status: 'open' })).toEqual([b.id]);
  expect(await ids({ status: 'closed', location: 'AMS' })).toEqual([a.id]);
});

test.each([
  ['of an unknown product', { sku: 'NO-SUCH' }, 'UNKNOWN_SKU'],
  ['at an unknown location', { location: 'NO-SUCH' }, 'UNKNOWN_LOCATION'],
  ['of a lot where there are none', { lot: 'L1' }, 'NOT_TRACKED'],
  ['where there never was any', { location: 'NYC' }, 'OUT_OF_STOCK'],
] as const)('a hold %s is refused', async (_name, rest, code) => {
  await expect(hold(await shop.product({ AMS: 10 }), 1, rest)).rejects.toMatchObject({ code });
});

test('a decision about more than is on hold, or about something else, is refused', async () => {
  const sku = await shop.product({ AMS: 10 });
  const made = await hold(sku, 4);
  await expect(releaseFromHold(withStock(shop.db), decision(made.id, 5))).rejects.toMatchObject({
    code: 'QUALITY_HOLD_EXCEEDED',
    details: { open: 4 },
  });
  await expect(writeOffHold(withStock(shop.db), decision(newId()))).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  const order = orderOf({ [sku]: 1 });
  await shop.place(order);
  const orderHold = (await viewOf(shop.db, order.orderId)).reservation!.id;
  await expect(releaseFromHold(withStock(shop.db), decision(orderHold))).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});
