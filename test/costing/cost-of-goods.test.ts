import {
  costOfGoodsSold,
  costOfShipment,
  listSold,
  type SoldUnits,
} from '../../domain/warehousing/costing/sold';
import { correctReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import { valueProduct } from '../../domain/warehousing/costing/valuation';
import { newId } from '../../platform/ids';
import { startTransfer } from '../../domain/stock/transfers/start';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { openOrderShop, receive, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver } from '../tracking/support';
import { sellingIn } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { databaseTime, ship } = sellingIn(() => shop);

const costs = (units: readonly SoldUnits[] | null) =>
  units?.map(({ sku, units: left, costMinor, uncosted }) => ({ sku, left, costMinor, uncosted }));

test('goods cost the average of the time at which they left, whatever comes later', async () => {
  const from = await databaseTime();
  const sku = await shop.product({});
  await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  const first = await ship([sku, 4]);
  await deliver(shop.db, [{ sku, quantity: 6, unitCostMinor: 200 }]);
  const second = await ship([sku, 3]);
  const to = await databaseTime();
  const look = async () => [
    costs(await costOfShipment(shop.db, first)),
    costs(await costOfShipment(shop.db, second)),
    await costOfGoodsSold(shop.db, { from, to }),
  ];
  const expected = [
    [{ sku, left: 4, costMinor: 400, uncosted: 0 }],
    [{ sku, left: 3, costMinor: 450, uncosted: 0 }],
    {
      from,
      to,
      final: true,
      totals: [{ currency: 'USD', units: 7, costMinor: 850, correctionMinor: 0 }],
      uncosted: 0,
    },
  ];
  expect(await look()).toEqual(expected);
  await deliver(shop.db, [{ sku, quantity: 100, unitCostMinor: 999 }]);
  expect(await look()).toEqual(expected);
  // What came in is what is there and what left.
  const left = await valueProduct(shop.db, sku, { method: 'average' });
  expect(Number(left?.valueMinor) + 850).toBe(1_000 + 1_200 + 99_900);
  expect(await costOfShipment(shop.db, newId())).toBeNull();
});

test('units without a cost leave first, and are told apart', async () => {
  const from = await databaseTime();
  const sku = await shop.product({ AMS: 5 });
  const bare = await shop.product({ AMS: 5 });
  await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  const parcels = [await ship([sku, 3], [bare, 1]), await ship([sku, 4]), await ship([sku, 2])];
  const found = await Promise.all(parcels.map((id) => costOfShipment(shop.db, id)));
  expect(found.map((items) => costs(items)?.filter((item) => item.sku === sku))).toEqual([
    [{ sku, left: 3, costMinor: 0, uncosted: 3 }],
    [{ sku, left: 4, costMinor: 200, uncosted: 2 }],
    [{ sku, left: 2, costMinor: 200, uncosted: 0 }],
  ]);
  const { totals, uncosted } = await costOfGoodsSold(shop.db, { from });
  expect({ totals, uncosted }).toEqual({
    totals: [{ currency: 'USD', units: 4, costMinor: 400, correctionMinor: 0 }],
    uncosted: 6,
  });
});

test('units that came without a cost after others leave without one, and what comes in and goes out adds up', async () => {
  const from = await databaseTime();
  const sku = await shop.product({});
  await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  const parcels = [await ship([sku, 6])];
  await deliver(shop.db, [{ sku, quantity: 6 }]);
  parcels.push(await ship([sku, 3]), await ship([sku, 4]));
  const found = await Promise.all(parcels.map((id) => costOfShipment(shop.db, id)));
  expect(found.map(costs)).toEqual([
    [{ sku, left: 6, costMinor: 600, uncosted: 0 }],
    [{ sku, left: 3, costMinor: 0, uncosted: 3 }],
    [{ sku, left: 4, costMinor: 100, uncosted: 3 }],
  ]);
  expect(await valueProduct(shop.db, sku, { method: 'average' })).toMatchObject({
    onHand: 3,
    valueMinor: 300,
    uncosted: 0,
  });
  // Units that a count finds beyond those that came with a cost have none, and leave first.
  await receive(shop.db, sku, 'AMS', 8);
  const last = await ship([sku, 5]);
  expect(costs(await costOfShipment(shop.db, last))).toEqual([{ sku, left: 5, costMinor: 0, uncosted: 5 }]);
  expect(await valueProduct(shop.db, sku, { method: 'average' })).toMatchObject({
    valueMinor: 400,
    uncosted: 2,
  });
  expect((await costOfGoodsSold(shop.db, { from })).totals).toEqual([
    { currency: 'USD', units: 7, costMinor: 700, correctionMinor: 0 },
  ]);
});

test('transfers and places make no difference to what goods cost', async () => {
  const sku = await shop.product({ AMS: 5 });
  await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  const transferId = newId();
  await startTransfer(withStock(shop.db), {
    transferId,
    sku,
    from: 'AMS',
    to: 'BER',
    quantity: 8,
    mode: 'in_transit',
    actor: 'test',
    transitSeconds: 60,
  });
  const away = await ship([sku, 6]);
  await receiveTransfer(withStock(shop.db), { transferId, receiptId: newId(), actor: 'test' });
  const there = await ship([sku, 1]);
  expect(costs(await costOfShipment(shop.db, away))).toEqual([{ sku, left: 6, costMinor: 100, uncosted: 5 }]);
  expect(costs(await costOfShipment(shop.db, there))).toEqual([
    { sku, left: 1, costMinor: 100, uncosted: 0 },
  ]);
});

test('the parcels of a period, in pages, add up to its total', async () => {
  const from = await databaseTime();
  const sku = await shop.product({});
  await deliver(shop.db, [
    { sku, quantity: 10, unitCostMinor: 33 },
    { sku, quantity: 11, unitCostMinor: 34 },
  ]);
  for (let n = 0; n < 7; n++) await ship([sku, 1 + (n % 3)]);
  const to = await databaseTime();
  await ship([sku, 1]);
  const items: SoldUnits[] = [];
  for (let after: Awaited<ReturnType<typeof listSold>>['next'] | undefined; after !== null;) {
    const page: Awaited<ReturnType<typeof listSold>> = await listSold(
      shop.db,
      { from, to },
      { after, limit: 2, offset: 0 },
    );
    items.push(...page.items);
    after = page.next;
  }
  expect(items).toHaveLength(7);
  const sum = items.reduce((total, item) => total + Number(item.costMinor), 0);
  expect((await costOfGoodsSold(shop.db, { from, to })).totals).toEqual([
    { currency: 'USD', units: 13, costMinor: sum, correctionMinor: 0 },
  ]);
  await expect(costOfGoodsSold(shop.db, { from: '2999-01-01T00:00:00Z' })).rejects.toMatchObject({
    code: 'ASOF_IN_FUTURE',
  });
});

test.each([
  ['has its cost later', null, 100, [1_000, 0]],
  ['has no cost after all', 300, null, [0, 10]],
] as const)(
  'goods of a receipt that %s cost that when they leave',
  async (_, before, after, [costMinor, uncosted]) => {
    const sku = await shop.product({});
    const receiptId = newId();
    await receiveGoods(withStock(shop.db), {
      receiptId,
      location: 'AMS',
      supplierReference: newId(),
      lines: [{ sku, quantity: 10, ...(before === null ? {} : { unitCostMinor: before }) }],
      actor: 'dock',
    });
    await correctReceipt(withStock(shop.db), {
      receiptId,
      changeId: newId(),
      reason: 'invoice',
      actor: 'clerk',
      corrections: [{ line: 1, unitCostMinor: after }],
    });
    const shipmentId = await ship([sku, 10]);
    expect(costs(await costOfShipment(shop.db, shipmentId))).toEqual([
      { sku, left: 10, costMinor, uncosted },
    ]);
  },
);
