import {
  addProduct,
  cancelOrder,
  capture,
  fingerprintOf,
  giveBack,
  levelsOf,
  openOrderShop,
  orderOf,
  PAYMENT,
  placePaid,
  ship,
  type OrderShop,
} from '../db/support';
import { expectInvariants } from '../support/invariants';
import { applyScript, check, tamper } from './support';
import type { Harness } from './defect';
import { defectsOf } from './defects';
import { plantHeld } from './order-defects';

let shop: OrderShop;
let deps: { db: OrderShop['db'] };

beforeEach(async () => {
  shop = await openOrderShop();
  deps = { db: shop.db };
  // Messages of the orders below, which no relay carries here.
  await shop.db.pool.query('delete from outbox');
});
afterEach(() => shop.close());

const DEFECTS = defectsOf(() => shop);

async function openWorld(): Promise<Harness> {
  const sku = await shop.product({ AMS: 10, BER: 5 });
  const [open, shipped] = [orderOf({ [sku]: 2 }), orderOf({ [sku]: 1 }, { payment: PAYMENT })];
  await shop.place(shipped);
  await capture(shop.db, shipped.orderId);
  await ship(shop.db, shipped.orderId, 'AMS', 'delivered');
  await shop.place(open);
  return {
    sku,
    orderId: open.orderId,
    shippedId: shipped.orderId,
    sql: (...statements) => tamper(shop.url, ...statements),
  };
}

test('what the product wrote has no finding, in either mode', async () => {
  await openWorld();
  expect((await check(deps)).findings).toEqual([]);
  const { job } = await check(deps, 'incremental');
  expect(job).toMatchObject({
    status: 'completed',
    progress: 100,
    result: { findings: 0, repairable: 0 },
    file: null,
  });
});

test.each(Object.entries(DEFECTS))('%s is found, and repaired where that can be', async (_, defect) => {
  const harness = await openWorld();
  await defect.plant(harness);
  const { jobId, findings, job } = await check(deps);
  expect([...new Set(findings.map((finding) => finding.check))].sort()).toEqual([...defect.found].sort());
  expect(findings.find((finding) => finding.check === defect.found[0])?.details).toMatchObject(
    defect.details,
  );
  expect(findings.find((finding) => finding.check === defect.found[0])?.repairable).toBe(defect.repaired);
  expect(job).toMatchObject({ result: { findings: findings.length }, file: defect.repaired ? 'sql' : null });

  await applyScript(shop.url, deps, jobId);
  if (defect.repaired) {
    expect((await check(deps)).findings).toEqual([]);
    await expectInvariants(shop.db);
  }
  const before = await fingerprintOf(shop.db);
  await applyScript(shop.url, deps, jobId);
  expect(await fingerprintOf(shop.db)).toEqual(before);
});

test('money that an operator gave back is no finding, nor is a refund that the gateway has not made', async () => {
  const { shippedId, sql } = await openWorld();
  const { orderId } = await placePaid(shop);
  await giveBack(shop.db, orderId, 1_500);
  await ship(shop.db, orderId, 'AMS', 'delivered');
  // 1,000 were its price: 500 are left of the payment.
  await cancelOrder(shop.db, orderId);
  await giveBack(shop.db, shippedId, 400);
  await sql(`update orders set updated_at = updated_at - interval '1 day'`);
  expect((await check(deps)).findings).toEqual([]);
});

test('a parcel of an order that is being amended is no finding, and is let go once that is over', async () => {
  const { sql } = await openWorld();
  await plantHeld(shop, sql, { state: 'open', stage: 'charging' });
  expect((await check(deps)).findings).toEqual([]);
  await sql(`update order_amendments set state = 'done', stage = null`);
  const { jobId, findings } = await check(deps, 'incremental');
  expect([...new Set(findings.map((finding) => finding.check))]).toEqual(['held_shipments']);
  await applyScript(shop.url, deps, jobId);
  expect((await shop.db.pool.query('select distinct topic from outbox')).rows).toEqual([
    { topic: 'shipments.ready' },
  ]);
});

test('free units beside a backorder are no finding where they may not be taken', async () => {
  const [inactive, kept] = [await shop.product({ BER: 1 }), await shop.product({ BER: 1 })];
  await shop.place(orderOf({ [inactive]: 3 }, { fulfilment: 'backorder' }));
  await shop.place(orderOf({ [kept]: 3 }, { fulfilment: 'backorder' }));
  const add = (sku: string, code: string, units: number) =>
    tamper(
      shop.url,
      `insert into stock (product_id, warehouse_id)
       select p.id, w.id from products p, warehouses w where p.sku = '${sku}' and w.code = '${code}' on conflict do nothing`,
      `update stock s set on_hand = on_hand + ${units} from products p, warehouses w
       where s.product_id = p.id and s.warehouse_id = w.id and p.sku = '${sku}' and w.code = '${code}'`,
    );
  await add(inactive, 'NYC', 1);
  await add(kept, 'AMS', 5);
  const found = async () =>
    (await check(deps, 'full', ['free_beside_waiting'])).findings.map(({ subject }) => subject).sort();
  expect(await found()).toEqual([`${inactive}@NYC`, `${kept}@AMS`].sort());

  await tamper(shop.url, `update warehouses set active = false where code = 'NYC'`);
  await shop.db.pool.query(
    `select keep_for_backorders(p.id, w.id, 5) from products p, warehouses w where p.sku = $1 and w.code = 'AMS'`,
    [kept],
  );
  expect(await found()).toEqual([]);
});

test('the incremental check finds a counter changed by hand and an entry without a counter since the last verified seal', async () => {
  await openWorld();
  await addProduct(shop.db, 'UNTOUCHED');
  expect((await check(deps, 'incremental')).findings).toEqual([]);
  for (const name of [
    'a counter of units on hand that was changed by hand',
    'an entry of the ledger that changed no counter',
  ]) {
    const { sku } = await openWorld();
    expect((await check(deps, 'incremental')).findings).toEqual([]);
    await DEFECTS[name]!.plant({ sql: (...statements) => tamper(shop.url, ...statements) } as Harness);
    const first = await check(deps, 'incremental');
    expect(first.findings.map((finding) => finding.check)).toEqual(['on_hand_ledger']);
    // It stays found until it is repaired, although nothing touches the row any more.
    expect((await check(deps, 'incremental')).findings).toHaveLength(1);
    await applyScript(shop.url, deps, first.jobId);
    expect((await check(deps, 'incremental')).findings).toEqual([]);
    expect(Object.keys(await levelsOf(shop.db, sku))).toContain('AMS');
  }
});
