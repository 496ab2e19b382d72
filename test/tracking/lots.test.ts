import { startTransfer } from '../../domain/stock/transfers/start';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { releaseFromHold, writeOffHold } from '../../domain/warehousing/quality/end-hold';
import { readTracking, setTracking } from '../../domain/stock/tracking/set-tracking';
import { selectLotMovements, selectLots } from '../../domain/stock/tracking/view-queries';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { levelsOf, openOrderShop, twice, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, lotsOf, trackedProduct } from './support';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const lotted = () => trackedProduct(shop, { lots: true });
const adjust = (sku: string, delta: number) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { delta },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });

/** Lots LATE (4 units), SOON (3) and NEVER (5), which does not expire, received in that order. */
async function threeLots(): Promise<string> {
  const sku = await lotted();
  await deliver(shop.db, [
    { sku, quantity: 4, lot: { code: 'LATE', expiresOn: inDays(60) } },
    { sku, quantity: 3, lot: { code: 'SOON', expiresOn: inDays(5) } },
    { sku, quantity: 5, lot: { code: 'NEVER' } },
  ]);
  return sku;
}

test('a delivery goes into its lots, which are shown in the order in which they are taken', async () => {
  const sku = await threeLots();
  await deliver(shop.db, [{ sku, quantity: 2, lot: { code: 'SOON', expiresOn: inDays(5) } }]);
  const common = { warehouse: 'AMS', expired: false, held: 0 };
  expect(await selectLots(shop.db, sku, null)).toEqual([
    { code: 'SOON', expiresOn: inDays(5), quantity: 5, ...common },
    { code: 'LATE', expiresOn: inDays(60), quantity: 4, ...common },
    { code: 'NEVER', expiresOn: null, quantity: 5, ...common },
  ]);
});

test('parcels take what expires first, across lots, and a recall finds the orders', async () => {
  const sku = await threeLots();
  const orderId = await shippedOrder(shop, { [sku]: 5 });
  expect(await lotsOf(shop.db, sku)).toEqual(['LATE@AMS: 2', 'NEVER@AMS: 5']);
  const movements = await selectLotMovements(
    shop.db,
    { sku, code: 'SOON' },
    { after: 0, limit: 9, offset: 0 },
  );
  expect(movements).toMatchObject([
    { kind: 'receipt', quantity: 3, orderId: null },
    { kind: 'ship', quantity: -3, orderId },
  ]);
});

test('a correction downwards takes what expires first; what nobody named is in the lot UNKNOWN, and taken last', async () => {
  const sku = await threeLots();
  await adjust(sku, 2);
  expect(await lotsOf(shop.db, sku)).toEqual([
    'SOON@AMS: 3',
    'LATE@AMS: 4',
    'NEVER@AMS: 5',
    'UNKNOWN@AMS: 2',
  ]);
  await adjust(sku, -13);
  expect(await lotsOf(shop.db, sku)).toEqual(['UNKNOWN@AMS: 1']);
});

test('units of a lot on quality hold are not shipped, and are written off from that lot', async () => {
  const sku = await threeLots();
  const base = { sku, location: 'AMS', reason: 'wet', actor: 'test' };
  const held = await putOnHold(shop.db, { ...base, holdId: newId(), quantity: 3, lot: 'SOON' });
  await shippedOrder(shop, { [sku]: 2 });
  expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 3', 'LATE@AMS: 2', 'NEVER@AMS: 5']);
  const decision = () => ({ holdId: held.id, quantity: 1, actor: 'test', effectId: newId() });
  await writeOffHold(withStock(shop.db), decision());
  await releaseFromHold(withStock(shop.db), decision());
  expect(await selectLots(shop.db, sku, null)).toMatchObject([
    { code: 'SOON', quantity: 2, held: 1 },
    { code: 'LATE', quantity: 2, held: 0 },
    { code: 'NEVER', quantity: 5 },
  ]);
  const hold = (rest: object) => putOnHold(shop.db, { ...base, holdId: newId(), quantity: 1, ...rest });
  await expect(hold({})).rejects.toMatchObject({ code: 'LOT_REQUIRED' });
  await expect(hold({ lot: 'NO-SUCH' })).rejects.toMatchObject({ code: 'UNKNOWN_LOT' });
  await expect(hold({ lot: 'SOON', quantity: 2 })).rejects.toMatchObject({
    code: 'OUT_OF_STOCK',
    details: { available: 1 },
  });
});

test('a return brings back the lots that the order took, and what is written off leaves the same', async () => {
  const sku = await threeLots();
  const orderId = await shippedOrder(shop, { [sku]: 4 });
  const { id } = await authorise(shop.db, orderId, { [sku]: 4 });
  await comesIn(shop.db, id, { [sku]: 4 });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 2 }]);
  expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 1', 'LATE@AMS: 3', 'NEVER@AMS: 5']);
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
  expect(await lotsOf(shop.db, sku)).toEqual(['SOON@AMS: 1', 'LATE@AMS: 4', 'NEVER@AMS: 5']);
});

test('a transfer takes its lots with it', async () => {
  const sku = await threeLots();
  await startTransfer(withStock(shop.db), {
    transferId: newId(),
    sku,
    from: 'AMS',
    to: 'BER',
    quantity: 4,
    mode: 'immediate',
    actor: 'test',
    transitSeconds: 3_600,
  });
  expect(await lotsOf(shop.db, sku)).toEqual(['SOON@BER: 3', 'LATE@AMS: 3', 'LATE@BER: 1', 'NEVER@AMS: 5']);
});

test('a lot has one expiry date, everywhere', async () => {
  const sku = await threeLots();
  const line = { sku, quantity: 1, lot: { code: 'SOON', expiresOn: inDays(6) } };
  await expect(deliver(shop.db, [line], 'BER')).rejects.toMatchObject({ code: 'LOT_EXPIRY_MISMATCH' });
  await expect(deliver(shop.db, [{ sku, quantity: 1 }])).rejects.toMatchObject({ code: 'LOT_REQUIRED' });
});

test('what a product keeps is changed only while none is on hand, also while deliveries race it', async () => {
  const sku = await threeLots();
  expect(await readTracking(shop.db, sku)).toEqual({ sku, lots: true, serials: false });
  const off = { sku, lots: false, serials: false };
  await expect(setTracking(shop.db, { actor: 'test', ...off })).rejects.toMatchObject({
    code: 'PRODUCT_HAS_STOCK',
  });
  await adjust(sku, -12);
  await twice(shop.db, () => setTracking(shop.db, { actor: 'test', ...off }));
  for (let round = 0; round < 10; round++) {
    const plain = await shop.product({});
    await Promise.allSettled([
      adjust(plain, 1),
      setTracking(shop.db, { actor: 'test', sku: plain, lots: true, serials: false }),
      adjust(plain, 1),
    ]);
  }
  await expect(setTracking(shop.db, { actor: 'test', ...off, sku: 'NO-SUCH' })).rejects.toMatchObject({
    code: 'UNKNOWN_SKU',
  });
});

test('parcels, deliveries, quality holds and corrections at once leave lots that add up', async () => {
  const sku = await threeLots();
  await Promise.allSettled([
    ...Array.from({ length: 6 }, () => shippedOrder(shop, { [sku]: 1 })),
    ...Array.from({ length: 6 }, (_, n) =>
      deliver(shop.db, [{ sku, quantity: 2, lot: { code: `L${n % 2}`, expiresOn: inDays(30 + (n % 2)) } }]),
    ),
    ...Array.from({ length: 6 }, () => adjust(sku, -1)),
    ...Array.from({ length: 3 }, () =>
      putOnHold(shop.db, {
        holdId: newId(),
        sku,
        location: 'AMS',
        quantity: 1,
        lot: 'LATE',
        reason: 'x',
        actor: 't',
      }),
    ),
  ]);
  expect((await levelsOf(shop.db, sku))['AMS']).toEqual([12 - 6 + 12 - 6, 3]);
});
