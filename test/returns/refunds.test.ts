import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import { cancelUndelivered, requestCancel } from '../../domain/ordering/cancel';
import { readUnfinishedOrder } from '../../domain/ordering/reconcile';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { settleRefund } from '../../domain/payments/refund';
import type { InspectionResult } from '../../domain/warehousing/returns/inspect';
import type { NewReturn } from '../../domain/warehousing/returns/types';
import { newId } from '../../platform/ids';
import {
  capture,
  giveBack,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  ship,
  twice,
  viewOf,
  carry,
  type OrderShop,
} from '../db/support';
import { expectInvariants } from '../support/invariants';
import { authorise, comesIn, inspect, shippedOrder, type Units } from './support';
import { postMoneyAgain } from '../support/post-money';

const check = SQL_CHECKS.get('order_payments')!;

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await expectMoneyInOrder();
});
afterAll(() => shop.close());

/** What an operator sees of money that is kept for nothing, or given back twice. */
async function expectMoneyInOrder(): Promise<void> {
  const run = { mode: 'full', limit: 10, graceSeconds: 0, since: null, summedUp: { xid: 0, id: 0 } } as const;
  expect((await shop.db.query(statementOf(check, run))).rows).toEqual([]);
}

/** A return of `units` that has come in. */
async function cameIn(
  orderId: string,
  units: Units,
  terms: Partial<NewReturn> = {},
  location = 'AMS',
): Promise<string> {
  const { id } = await authorise(shop.db, orderId, units, terms);
  await comesIn(shop.db, id, units, { location });
  return id;
}

/** Three units of 1,000 that were shipped, and a return of `units` of them that has come in. */
async function goods(units = 3, terms: Partial<NewReturn> = {}) {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await shippedOrder(shop, { [sku]: 3 });
  return { sku, orderId, id: await cameIn(orderId, { [sku]: units }, terms) };
}

const amounts = async (orderId: string) =>
  (await viewOf(shop.db, orderId)).refunds.map(({ amountMinor }) => amountMinor);

async function priceOf(orderId: string, unitPriceMinor: number): Promise<void> {
  await shop.db.pool.query('update order_items set unit_price_minor = $2 where order_id = $1', [
    orderId,
    unitPriceMinor,
  ]);
  await shop.db.pool.query(
    'update payments set amount_minor = 3 * $2::bigint, capture_planned_minor = 3 * $2::bigint, captured_minor = 3 * $2::bigint where order_id = $1',
    [orderId, unitPriceMinor],
  );
  await postMoneyAgain(shop.db);
}

const restock = (sku: string, units: number, rest: Partial<InspectionResult> = {}): InspectionResult => ({
  sku,
  restock: units,
  writeOff: 0,
  ...rest,
});

test('the price of what is restocked and of what is written off goes back, once for an inspection', async () => {
  const { sku, orderId, id } = await goods();
  const stepId = newId();
  const [first, again] = await twice(shop.db, () =>
    inspect(shop.db, id, [{ sku, restock: 1, writeOff: 1 }], stepId),
  );
  expect(again).toEqual(first);
  expect(first).toMatchObject({ refundMinor: 2_000, items: [{ refunded: 2 }] });
  expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
    { amountMinor: 2_000, status: 'planned', reason: 'returned goods' },
  ]);
  expect(await inspect(shop.db, id, [restock(sku, 1)])).toMatchObject({ refundMinor: 3_000 });
  expect(await amounts(orderId)).toEqual([2_000, 1_000]);
});

test('the same inspection by two at once gives money back once', async () => {
  const { sku, orderId, id } = await goods();
  const stepId = newId();
  await Promise.all(Array.from({ length: 4 }, () => inspect(shop.db, id, [restock(sku, 1)], stepId)));
  expect(await amounts(orderId)).toEqual([1_000]);
});

test('the order says who inspected and what goes back, and its saga is started again for the refund', async () => {
  const { sku, orderId, id } = await goods(1);
  expect(await readUnfinishedOrder(shop.db, orderId)).toBeNull();
  await shop.db.pool.query('delete from outbox');
  await inspect(shop.db, id, [restock(sku, 1)]);
  expect(await readUnfinishedOrder(shop.db, orderId)).toMatchObject({ orderId });
  const woken = await shop.db.pool.query(`select key from outbox where topic = 'order.wake'`);
  expect(woken.rows).toEqual([{ key: orderId }]);
  const { rows } = await shop.db.pool.query<{ type: string; data: object }>(
    `select type, data from order_events where order_id = $1 order by seq desc limit 4`,
    [orderId],
  );
  expect(rows.reverse()).toMatchObject([
    {
      type: 'return_authorised',
      data: { actor: 'clerk', refund: 'price', items: [{ sku, quantity: 1, reason: 'too large' }] },
    },
    { type: 'return_received', data: { returnId: id, location: 'AMS', actor: 'dock' } },
    { type: 'return_completed', data: { returnId: id, refundMinor: 1_000, actor: 'inspector' } },
    {
      type: 'refund_started',
      data: { amountMinor: 1_000, reason: 'returned goods', actor: 'inspector' },
    },
  ]);
});

test.each<[string, Partial<NewReturn>, Partial<InspectionResult>, number[]]>([
  ['authorised without money', { refund: 'none' }, {}, []],
  ['authorised without money, and inspected with', { refund: 'none' }, { refundQuantity: 2 }, [2_000]],
  ['inspected without money', {}, { refundQuantity: 0 }, []],
  ['inspected with money for a part', {}, { refundQuantity: 1 }, [1_000]],
  ['with a fee in percent', { restockingFee: { percent: 15 } }, {}, [2_550]],
  ['with a fee in minor units for a unit', { restockingFee: { amountMinor: 120 } }, {}, [2_640]],
  ['with a fee above the price', { restockingFee: { amountMinor: 5_000 } }, {}, []],
  ['with a fee of all', { restockingFee: { percent: 100 } }, {}, []],
  [
    'with another fee at the inspection',
    { restockingFee: { percent: 15 } },
    { restockingFee: { amountMinor: 1 } },
    [2_997],
  ],
  [
    'with no fee at the inspection',
    { restockingFee: { percent: 15 } },
    { restockingFee: { percent: 0 } },
    [3_000],
  ],
])('what goes back of a return %s', async (_name, terms, result, expected) => {
  const { sku, orderId, id } = await goods(3, terms);
  await inspect(shop.db, id, [restock(sku, 3, result)]);
  expect(await amounts(orderId)).toEqual(expected);
});

test('a fee in percent is rounded on the unit: one by one gives back the same as together', async () => {
  const fee = { restockingFee: { percent: 12.5 } };
  const together = await goods(3, fee);
  await priceOf(together.orderId, 999);
  await inspect(shop.db, together.id, [restock(together.sku, 3)]);
  // 12.5% of 999 are 124.875, a fee of 125.
  expect(await amounts(together.orderId)).toEqual([2_622]);
  const apart = await goods(3, fee);
  await priceOf(apart.orderId, 999);
  for (let n = 0; n < 3; n++) await inspect(shop.db, apart.id, [restock(apart.sku, 1)]);
  expect(await amounts(apart.orderId)).toEqual([874, 874, 874]);
});

test('a return of before this version gives nothing back unless its inspection says so', async () => {
  const { sku, orderId, id } = await goods(3);
  await shop.db.pool.query(`update customer_returns set refund = 'none', fee_percent = null where id = $1`, [
    id,
  ]);
  expect(await inspect(shop.db, id, [restock(sku, 1)])).toMatchObject({
    refundMinor: 0,
    restockingFee: null,
  });
  // Inspected before it was recorded which units came back.
  await shop.db.pool.query('delete from customer_return_sources where return_id = $1', [id]);
  await inspect(shop.db, id, [restock(sku, 2, { refundQuantity: 2 })]);
  expect(await amounts(orderId)).toEqual([2_000]);
});

test('a goodwill refund, then a cut, then a return: each amount is right', async () => {
  const sku = await shop.product({ AMS: 3, BER: 1 });
  const order = orderOf({ [sku]: 4 }, { payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  await capture(shop.db, orderId);
  await giveBack(shop.db, orderId, 500);
  await ship(shop.db, orderId, 'AMS', 'picked_up');
  // The carrier loses the unit from BER.
  await shop.db.pool.query(
    `update shipments s set status = 'failed' from warehouses w where w.id = s.warehouse_id and w.code = 'BER' and s.order_id = $1`,
    [orderId],
  );
  await releaseStoppedShipments(shop.db, { orderId, endAs: 'failed', failure: null });
  expect(await amounts(orderId)).toEqual([500, 1_000]);
  const id = await cameIn(orderId, { [sku]: 3 });
  await inspect(shop.db, id, [restock(sku, 1, { restockingFee: { percent: 10 } })]);
  expect(await amounts(orderId)).toEqual([500, 1_000, 900]);
  // 1,600 are left of 4,000.
  expect(await inspect(shop.db, id, [restock(sku, 2)])).toMatchObject({ refundMinor: 2_500 });
  expect(await amounts(orderId)).toEqual([500, 1_000, 900, 1_600]);
});

test('where everything was given back before, a return is inspected and nothing goes back', async () => {
  const { sku, orderId, id } = await goods(1);
  await giveBack(shop.db, orderId, 3_000);
  expect(await inspect(shop.db, id, [restock(sku, 1)])).toMatchObject({
    status: 'completed',
    refundMinor: 0,
  });
  expect(await amounts(orderId)).toEqual([3_000]);
});

test('once all of it is back with the customer, returns are inspected at once and nothing is recorded of their money', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await shippedOrder(shop, { [sku]: 3 });
  await giveBack(shop.db, orderId, 3_000);
  const [refund] = (await viewOf(shop.db, orderId)).refunds;
  const made = { status: 'succeeded', gatewayRef: 're_1' } as const;
  await shop.db.retrying((tx) => settleRefund(tx, refund!.id, made));
  const ids: string[] = [];
  for (const place of ['AMS', 'BER', 'NYC']) ids.push(await cameIn(orderId, { [sku]: 1 }, {}, place));
  await Promise.all(ids.map((id) => inspect(shop.db, id, [restock(sku, 1)])));
  expect(await amounts(orderId)).toEqual([3_000]);
  const { rowCount } = await shop.db.pool.query(
    'select from customer_return_sources where return_id = any ($1)',
    [ids],
  );
  expect(rowCount).toBe(0);
});

describe('of an order of which parts were paid apart', () => {
  /** Two units that were paid and shipped at first, and two that waited for stock. */
  async function twoPayments() {
    const sku = await shop.product({ AMS: 2 });
    const order = orderOf({ [sku]: 4 }, { fulfilment: 'backorder', payment: PAYMENT });
    const { orderId } = order;
    await shop.place(order);
    await capture(shop.db, orderId);
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    await receive(shop.db, sku, 'AMS', 2);
    await pay(shop.db, orderId);
    await capture(shop.db, orderId, 2);
    const payments = (await viewOf(shop.db, orderId)).payments.map(({ id }) => id);
    const waiting = (await viewOf(shop.db, orderId)).shipments.find(({ status }) => status === 'pending');
    return { sku, orderId, payments, second: () => carry(shop.db, waiting!.id, 'picked_up') };
  }

  const refunds = async (orderId: string, payments: string[]) =>
    (await viewOf(shop.db, orderId)).refunds.map(({ paymentId, amountMinor }) => [
      payments.indexOf(paymentId) + 1,
      amountMinor,
    ]);

  test('the payment of the units that left first gives money back first, also while a part has not left', async () => {
    const { sku, orderId, payments, second } = await twoPayments();
    const first = await cameIn(orderId, { [sku]: 1 });
    await inspect(shop.db, first, [restock(sku, 1)]);
    await second();
    const rest = await cameIn(orderId, { [sku]: 3 });
    await inspect(shop.db, rest, [restock(sku, 3)]);
    const made = await refunds(orderId, payments);
    expect(made[0]).toEqual([1, 1_000]);
    expect(made.slice(1).sort()).toEqual([
      [1, 1_000],
      [2, 2_000],
    ]);
  });

  test('no more goes back than is left of the payment that paid for the units', async () => {
    const { sku, orderId, payments, second } = await twoPayments();
    await second();
    await giveBack(shop.db, orderId, 1_500);
    const id = await cameIn(orderId, { [sku]: 4 });
    expect(await inspect(shop.db, id, [restock(sku, 4)])).toMatchObject({ refundMinor: 1_000 });
    expect((await refunds(orderId, payments)).sort()).toEqual([
      [1, 1_500],
      [1, 500],
      [2, 1_500],
      [2, 500],
    ]);
  });

  test('units for which nothing goes back are taken from the oldest as well', async () => {
    const { sku, orderId, payments, second } = await twoPayments();
    await second();
    const id = await cameIn(orderId, { [sku]: 4 });
    await inspect(shop.db, id, [restock(sku, 2, { refundQuantity: 0 })]);
    await inspect(shop.db, id, [restock(sku, 2)]);
    expect(await refunds(orderId, payments)).toEqual([[2, 2_000]]);
  });

  test('inspections of two returns at once never take the same units', async () => {
    const { sku, orderId, payments, second } = await twoPayments();
    await second();
    // At different places, so that they do not wait for each other's stock.
    const places = ['AMS', 'BER', 'NYC', 'AMS'];
    const ids: string[] = [];
    for (const place of places) ids.push(await cameIn(orderId, { [sku]: 1 }, {}, place));
    await Promise.all(ids.map((id) => inspect(shop.db, id, [restock(sku, 1)])));
    expect((await refunds(orderId, payments)).sort()).toEqual([
      [1, 1_000],
      [1, 1_000],
      [2, 1_000],
      [2, 1_000],
    ]);
  });

  test('a part that has not left is cancelled, and what is returned of the other gives its price back', async () => {
    const { sku, orderId, payments } = await twoPayments();
    const id = await cameIn(orderId, { [sku]: 2 });
    await inspect(shop.db, id, [restock(sku, 1)]);
    await requestCancel(shop.db, { orderId, reason: 'test' });
    await cancelUndelivered(shop.db, orderId);
    await releaseStoppedShipments(shop.db, { orderId, endAs: 'cancelled' });
    await inspect(shop.db, id, [restock(sku, 1)]);
    expect(await refunds(orderId, payments)).toEqual([
      [1, 1_000],
      [2, 2_000],
      [1, 1_000],
    ]);
  });
});
