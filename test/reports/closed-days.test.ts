import { askToStop } from '../../domain/fulfilment/stop';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep } from '../../domain/ordering/rules';
import { existingProgress } from '../../domain/ordering/progress';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { settleRefund } from '../../domain/payments/refund';
import { costReport } from '../../domain/reports/cost';
import { monthlyReport } from '../../domain/reports/sales';
import { rebuildReports } from '../../domain/reports/sums';
import type { SalesReport } from '../../domain/reports/types';
import { costOfGoodsSold } from '../../domain/warehousing/costing/sold';
import { newId } from '../../platform/ids';
import {
  capture,
  obligingCarrier,
  openOrderShop,
  orderOf,
  PAYMENT,
  viewOf,
  type OrderShop,
} from '../db/support';
import { numberAll } from '../events/support';
import { sellingIn } from '../costing/support';
import { deliver } from '../tracking/support';
import { dayOf, expectSumsRight, followAll, today } from './support';

let shop: OrderShop;
beforeEach(async () => {
  shop = await openOrderShop();
});
afterEach(async () => {
  await expectSumsRight(shop.db);
  await shop.close();
});

const { ship } = sellingIn(() => shop);

const PAYMENT_ID = '00000000-0000-4000-8000-000000000001';
const CAPTURE = '00000000-0000-4000-8000-000000000002';

interface Entry {
  at: string;
  kind: string;
  minor: number;
  source?: string;
  units?: [product: number, warehouse: number, minor: number][];
}

/** Writes money of one payment. */
async function enter({ at, kind, minor, source = CAPTURE, units }: Entry): Promise<void> {
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id, units)
     select $1::timestamptz, $1::date, $2, 'gateway_clearing', 'merchant_payable', 1, $3, 'USD', $4, $5, $6`,
    [at, kind, minor, PAYMENT_ID, source, units ? JSON.stringify(units) : null],
  );
}

async function summed(): Promise<void> {
  await numberAll(shop.db);
  await followAll(shop.db);
}

const bySku = (report: SalesReport) =>
  Object.fromEntries(report.products.map(({ sku, netMinor }) => [String(sku), netMinor]));

async function idOf(sku: string): Promise<number> {
  const { rows } = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [sku]);
  return rows[0]?.id ?? 0;
}

test('what is corrected, refunded and disputed later about a closed day is in the day on which it moved, by product', async () => {
  const [a, b] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
  const units: Entry['units'] = [
    [await idOf(a), 1, 700],
    [await idOf(b), 1, 300],
  ];
  await enter({ at: '2026-03-31T21:30:00Z', kind: 'capture', minor: 1_000, units });
  await summed();
  const closed = () => dayOf(shop.db, '2026-03-31', { tz: 'Europe/Paris' });
  const before = await closed();
  expect(bySku(before)).toEqual({ [a]: 700, [b]: 300 });
  await enter({
    at: '2026-04-01T09:00:00Z',
    kind: 'refund',
    minor: 500,
    source: '00000000-0000-4000-8000-000000000003',
  });
  // In the closed day, told later.
  await enter({
    at: '2026-03-31T21:45:00Z',
    kind: 'dispute',
    minor: 100,
    source: '00000000-0000-4000-8000-000000000004',
  });
  const told = { ...(await closed()), asOf: '' };
  expect(bySku(await dayOf(shop.db, '2026-04-01', { tz: 'Europe/Paris' }))).toEqual({ [a]: -350, [b]: -150 });
  expect(told.totals).toMatchObject([{ capturedMinor: 1_000, disputedMinor: 100, netMinor: 900 }]);
  await summed();
  expect({ ...(await closed()), asOf: '' }).toEqual(told);
  await rebuildReports(shop.db);
  await followAll(shop.db);
  expect({ ...(await closed()), asOf: '' }).toEqual(told);
  const month = await monthlyReport(shop.db, { month: '2026-03', tz: 'Europe/Paris', products: 10 });
  expect(month.totals).toEqual(told.totals);
  expect(month.products).toEqual(told.products);
});

test('a refund is split the same whether its capture is in the sums or not', async () => {
  const sku = await shop.product({ AMS: 1 });
  await enter({
    at: '2026-05-01T12:00:00Z',
    kind: 'capture',
    minor: 999,
    units: [[await idOf(sku), 2, 999]],
  });
  await summed();
  await enter({
    at: '2026-05-02T12:00:00Z',
    kind: 'refund',
    minor: 333,
    source: '00000000-0000-4000-8000-000000000005',
  });
  const day = () => dayOf(shop.db, '2026-05-02');
  const told = await day();
  expect(told.products).toMatchObject([{ sku, refundedMinor: 333, marginMinor: -333 }]);
  expect(told.warehouses).toMatchObject([{ warehouse: 'BER', refundedMinor: 333 }]);
  await summed();
  expect({ ...(await day()), asOf: '' }).toEqual({ ...told, asOf: '' });
});

/** Does what the saga does about a cut. */
async function carryOutCut(orderId: string): Promise<void> {
  const { db } = shop;
  for (;;) {
    const step = nextStep(await existingProgress(db, orderId)).do;
    if (step === 'cut') await cutUnits(db, orderId);
    else if (step === 'stop') await askToStop({ db, carriers: [obligingCarrier] }, orderId);
    else if (step === 'release-stopped') await releaseStoppedShipments(db, { orderId, endAs: 'cancelled' });
    else return;
  }
}

test('an order that is cut after it was paid has its money where it was paid for and given back, also once nothing else says so', async () => {
  const { db } = shop;
  const [kept, cut] = [await shop.product({ AMS: 5 }), await shop.product({ BER: 5 })];
  const order = orderOf({ [kept]: 1, [cut]: 2 }, { payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  await capture(db, orderId);
  await requestCut(db, {
    orderId,
    requestId: newId(),
    items: [{ sku: cut, quantity: 2 }],
    reason: 'too many',
  });
  await carryOutCut(orderId);
  const { refunds } = await viewOf(db, orderId);
  for (const { id: refundId } of refunds)
    await db.transaction((tx) =>
      settleRefund(tx, refundId, { status: 'succeeded', gatewayRef: `re-${refundId}` }),
    );
  const told = async () => {
    const { products, warehouses } = await dayOf(db, await today(db));
    return {
      products: Object.fromEntries(
        products.map(({ sku, capturedMinor, refundedMinor }) => [
          String(sku),
          [capturedMinor, refundedMinor],
        ]),
      ),
      warehouses: Object.fromEntries(
        warehouses.map(({ warehouse, netMinor }) => [String(warehouse), netMinor]),
      ),
    };
  };
  const expected = {
    products: { [kept]: [1_000, 0], [cut]: [2_000, 2_000] },
    warehouses: { AMS: 1_000, BER: 0 },
  };
  expect(await told()).toEqual(expected);
  await summed();
  expect(await told()).toEqual(expected);
  await rebuildReports(db);
  await followAll(db);
  expect(await told()).toEqual(expected);
});

test('the cost of goods is that of costs of goods sold, from sums and without them, and a margin is net less cost', async () => {
  const sku = await shop.product({});
  await deliver(shop.db, [{ sku, quantity: 10, unitCostMinor: 100 }]);
  const day = await today(shop.db);
  await ship([sku, 4]);
  const month = day.slice(0, 7);
  const told = () => costReport(shop.db, { month, tz: 'UTC' });
  const expected = {
    totals: [{ currency: 'USD', units: 4, costMinor: 400 }],
    uncosted: 0,
    products: [{ sku, currency: 'USD', units: 4, costMinor: 400, uncosted: 0 }],
    final: false,
  };
  expect(await told()).toMatchObject(expected);
  await summed();
  expect(await told()).toMatchObject(expected);
  await deliver(shop.db, [{ sku, quantity: 6, unitCostMinor: 200 }]);
  await ship([sku, 3]);
  const sold = await costOfGoodsSold(shop.db, { from: (await told()).from });
  expect(await told()).toMatchObject({ totals: [{ units: 7, costMinor: 850 }] });
  expect(sold.totals).toMatchObject([{ units: 7, costMinor: 850 }]);
  const { totals } = await dayOf(shop.db, day);
  if ((await today(shop.db)) === day)
    expect(totals).toMatchObject([
      { units: 7, costMinor: 850, uncosted: 0, marginMinor: Number(totals[0]?.netMinor) - 850 },
    ]);
});

test('units whose cost nobody knows are told, and are in no cost', async () => {
  const sku = await shop.product({ AMS: 5 });
  await ship([sku, 2]);
  await summed();
  const month = (await today(shop.db)).slice(0, 7);
  expect(await costReport(shop.db, { month, tz: 'UTC' })).toMatchObject({
    totals: [],
    uncosted: 2,
    products: [{ sku, currency: null, units: 0, costMinor: 0, uncosted: 2 }],
  });
});
