import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { findInconsistencies } from '../../domain/assurance/run-check';
import { askGateway } from '../../domain/ordering/ask-gateway';
import { abandonReservation } from '../../domain/ordering/cancel';
import { readProgress } from '../../domain/ordering/progress';
import { recordDispute } from '../../domain/payments/disputes';
import { backfillMoney } from '../../domain/payments/backfill';
import { settleRefund } from '../../domain/payments/refund';
import type { ClosableGateway } from '../../domain/payments/gateway';
import type { DisputeStatus } from '../../domain/payments/types';
import { orderPaymentId } from '../../domain/orders/ids';
import { CHARGE_TERMS } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { check as checkJob } from '../consistency/support';
import { beginBackfill } from '../support/post-money';
import { testLogger } from '../support/servers';
import {
  cancelOrder,
  capture,
  CARRIER,
  giveBack,
  openOrderShop,
  orderOf,
  settleCharge,
  viewOf,
  type OrderShop,
} from '../db/support';
import { addMerchant, balancesOf, entriesOf } from './support';

let shop: OrderShop;
let gateway: ClosableGateway;
beforeEach(async () => {
  shop = await openOrderShop();
  gateway = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000, slowMs: 20 });
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await gateway.close();
  await shop.close();
});

async function askDue(orderId: string): Promise<void> {
  const deps = { db: shop.db, gatewayNamed: () => gateway, carrier: CARRIER, ...CHARGE_TERMS };
  const limits = { firstRetrySeconds: 0.5, unknownLimitSeconds: 60, briefMs: null };
  for (const ask of (await readProgress(shop.db, orderId))?.asks ?? [])
    if (ask.msLeft <= 0) await askGateway(deps, { orderId, ask, ...limits });
}

/** An order of these units, of 1,000 each, paid at once. */
async function placePaid(items: Record<string, number>, token = 'tok_ok'): Promise<string> {
  const order = orderOf(items, { payment: { method: 'card', token } });
  await shop.place(order);
  await askDue(order.orderId);
  return order.orderId;
}

async function twoMerchants(fee = {}): Promise<{ a: string; b: string }> {
  const [a, b] = [await shop.product({ AMS: 10 }), await shop.product({ AMS: 10 })];
  await addMerchant(shop.db, 'acme', { skus: [a], fee });
  await addMerchant(shop.db, 'bolt', { skus: [b] });
  return { a, b };
}

test('what is captured is owed to who sold the units, less their fees', async () => {
  const { a, b } = await twoMerchants({ rateBasisPoints: 250, fixedMinor: 30 });
  const house = await shop.product({ AMS: 1 });
  const orderId = await placePaid({ [a]: 2, [b]: 1, [house]: 1 });
  const entries = await entriesOf(shop.db, orderId);
  expect(entries.sort()).toEqual([
    'capture acme 2000',
    'capture bolt 1000',
    'capture house 1000',
    'fee acme 80',
  ]);
  expect(await balancesOf(shop.db)).toEqual({ fees: 80, gateway_clearing: -4000, merchant_payable: 3920 });
});

test('a product that changes hands takes nothing of old orders along', async () => {
  const { a, b } = await twoMerchants();
  const order = orderOf({ [a]: 1, [b]: 1 }, { payment: { method: 'card', token: 'tok_ok' } });
  await shop.place(order);
  await shop.db.pool.query('update products set merchant_id = 1 where sku = $1', [a]);
  await askDue(order.orderId);
  expect((await entriesOf(shop.db, order.orderId)).sort()).toEqual([
    'capture acme 1000',
    'capture bolt 1000',
  ]);
});

test('goodwill is borne by what is left of each, remainders by the largest; what fails later comes back', async () => {
  const { a, b } = await twoMerchants({ rateBasisPoints: 1_000, isReturned: true });
  const orderId = await placePaid({ [a]: 2, [b]: 1 });
  await giveBack(shop.db, orderId, 100);
  await askDue(orderId);
  const given = ['refund acme 67', 'refund bolt 33', 'fee_returned acme 7'];
  const captured = ['capture acme 2000', 'capture bolt 1000', 'fee acme 200'];
  expect((await entriesOf(shop.db, orderId)).sort()).toEqual([...captured, ...given].sort());
  const [refund] = (await viewOf(shop.db, orderId)).refunds;
  const { rows } = await shop.db.pool.query<{ ref: string }>('select gateway_ref as ref from refunds');
  const failed = { status: 'failed', gatewayRef: rows[0]!.ref, reason: 'sent back' } as const;
  await shop.db.transaction((tx) => settleRefund(tx, refund!.id, failed));
  await shop.db.transaction((tx) => settleRefund(tx, refund!.id, failed));
  const back = ['refund_failed acme 67', 'refund_failed bolt 33', 'fee acme 7'];
  expect((await entriesOf(shop.db, orderId)).sort()).toEqual([...captured, ...given, ...back].sort());
  // Made again after all, at the gateway.
  const again = { status: 'succeeded', gatewayRef: 'another' } as const;
  await shop.db.transaction((tx) => settleRefund(tx, refund!.id, again));
  expect(await balancesOf(shop.db)).toEqual({
    fees: 193,
    gateway_clearing: -3000,
    merchant_payable: 2707,
    refunds: 100,
  });
});

test('fees go back in parts that never add up to more than the fee', async () => {
  const { a } = await twoMerchants({ rateBasisPoints: 3_333, isReturned: true });
  const orderId = await placePaid({ [a]: 3 });
  for (const minor of [1, 1, 2, 996, 1_000, 1_000]) {
    await giveBack(shop.db, orderId, minor);
    await askDue(orderId);
  }
  expect(await balancesOf(shop.db)).toEqual({
    fees: 0,
    gateway_clearing: -3000,
    merchant_payable: 0,
    refunds: 3000,
  });
});

test('a cancelled order gives back what was taken of each', async () => {
  const { a, b } = await twoMerchants({ rateBasisPoints: 250 });
  const orderId = await placePaid({ [a]: 2, [b]: 1 });
  await cancelOrder(shop.db, orderId);
  await askDue(orderId);
  expect((await entriesOf(shop.db, orderId)).sort()).toEqual([
    'capture acme 2000',
    'capture bolt 1000',
    'fee acme 50',
    'refund acme 2000',
    'refund bolt 1000',
  ]);
});

test('a dispute takes what the bank has taken, and gives it back when it is won', async () => {
  const { a, b } = await twoMerchants();
  const orderId = await placePaid({ [a]: 2, [b]: 1 });
  const paymentId = orderPaymentId(orderId, 1);
  const tell = (status: DisputeStatus, at: number, amountMinor = 3_000) =>
    shop.db.transaction((tx) =>
      recordDispute(
        tx,
        { paymentId, orderId },
        {
          gatewayRef: 'dp_1',
          amountMinor,
          currency: 'USD',
          reason: 'fraudulent',
          status,
          dueBy: null,
          occurredAt: new Date(Date.UTC(2026, 0, 1, 0, 0, at)),
        },
      ),
    );
  await tell('inquiry', 1);
  expect(await entriesOf(shop.db, orderId)).toHaveLength(2);
  await tell('needs_response', 2);
  await tell('under_review', 3);
  expect(await entriesOf(shop.db, orderId)).toHaveLength(4);
  await tell('lost', 4, 1_500);
  expect((await entriesOf(shop.db, orderId)).slice(4).sort()).toEqual([
    'dispute acme 1000',
    'dispute bolt 500',
    'dispute_reversed acme 2000',
    'dispute_reversed bolt 1000',
  ]);
  await tell('won', 5, 1_500);
  expect(await balancesOf(shop.db)).toEqual({ disputes: 0, gateway_clearing: -3000, merchant_payable: 3000 });
  const { rows } = await shop.db.pool.query<{ days: number }>(
    `select count(distinct day)::int as days from money_ledger where kind like 'dispute%' and day = '2026-01-01'`,
  );
  expect(rows[0]).toEqual({ days: 1 });
});

test.each([
  // New York: UTC-5 until 2026-03-08 07:00Z, then UTC-4 until 2026-11-01 06:00Z.
  ['the last second of a winter day', '2026-03-08T04:59:59.999Z', '2026-03-07'],
  ['the day on which the clocks go forward', '2026-03-08T05:00:00Z', '2026-03-08'],
  ['the last second of that day, which has 23 hours', '2026-03-09T03:59:59.999Z', '2026-03-08'],
  ['the last second of a month in summer', '2026-07-01T03:59:59.999Z', '2026-06-30'],
  ['the first second of the next', '2026-07-01T04:00:00Z', '2026-07-01'],
  ['the last second of a year', '2026-01-01T04:59:59.999Z', '2025-12-31'],
])('%s, as the gateway has it, is of its day where the merchant is', async (_name, at, day) => {
  const a = await shop.product({ AMS: 1 });
  await addMerchant(shop.db, 'acme', { skus: [a], zone: 'America/New_York' });
  const order = orderOf({ [a]: 1 }, { payment: { method: 'card', token: 'tok_ok' } });
  await shop.place(order);
  const paymentId = orderPaymentId(order.orderId, 1);
  const outcome = { status: 'captured', gatewayRef: 'pi_1', at: new Date(at) } as const;
  await settleCharge(shop.db, { paymentId, outcome });
  await giveBack(shop.db, order.orderId, 100);
  const [refund] = (await viewOf(shop.db, order.orderId)).refunds;
  const made = { status: 'succeeded', gatewayRef: 're_1', at: new Date(at) } as const;
  await shop.db.transaction((tx) => settleRefund(tx, refund!.id, made));
  const { rows } = await shop.db.pool.query('select kind, day::text as day from money_ledger order by kind');
  expect(rows).toEqual([
    { kind: 'capture', day },
    { kind: 'refund', day },
  ]);
});

test('what a gateway says of later than now is of now', async () => {
  const a = await shop.product({ AMS: 1 });
  const order = orderOf({ [a]: 1 }, { payment: { method: 'card', token: 'tok_ok' } });
  await shop.place(order);
  const outcome = { status: 'captured', gatewayRef: 'pi_1', at: new Date('2100-01-01T00:00:00Z') } as const;
  await settleCharge(shop.db, { paymentId: orderPaymentId(order.orderId, 1), outcome });
  const { rows } = await shop.db.pool.query('select effective_at <= at as past from money_ledger');
  expect(rows).toEqual([{ past: true }]);
});

test('what was captured for a reservation that was given up is the customer’s, and no merchant is charged', async () => {
  const { a } = await twoMerchants({ rateBasisPoints: 250 });
  const order = orderOf({ [a]: 1 }, { payment: { method: 'card', token: 'tok_ok' } });
  await shop.place(order);
  const { orderId } = order;
  await abandonReservation(shop.db, { orderId, paymentId: orderPaymentId(orderId, 1) });
  await capture(shop.db, orderId);
  // As the gateway says of it.
  const { rows } = await shop.db.pool.query<{ id: string }>('select id from refunds');
  const made = { status: 'succeeded', gatewayRef: 're_1' } as const;
  await shop.db.transaction((tx) => settleRefund(tx, rows[0]!.id, made));
  expect(await entriesOf(shop.db, orderId)).toEqual(['capture - 1000', 'refund - 1000']);
  expect(await balancesOf(shop.db)).toEqual({ customer_credit: 0, gateway_clearing: -1000, refunds: 1000 });
});

test('a first pass that finds nothing is not the last: workers of the version before may still run beside it', async () => {
  const passes = async () => {
    await backfillMoney(shop.db);
    const { rows } = await shop.db.pool.query<{ over: boolean }>(
      `update money_backfill set next_pass_at = clock_timestamp() returning finished_at is not null as over`,
    );
    return rows[0]?.over;
  };
  await beginBackfill(shop.db);
  expect([await passes(), await passes()]).toEqual([false, true]);
});

describe('the check of payments and ledger', () => {
  const check = async () => {
    const found = await findInconsistencies(
      { db: shop.db },
      { check: 'money_ledger', mode: 'full', graceSeconds: 0 },
    );
    return found.map(
      ({ details }) =>
        `${String(details['what'])} ${String(details['minor'])} ${String(details['ledgerMinor'])}`,
    );
  };
  const without = async (condition: string) => {
    await shop.db.pool.query('alter table money_ledger disable trigger money_ledger_append_only');
    await shop.db.pool.query(`delete from money_ledger where ${condition}`);
    await shop.db.pool.query('alter table money_ledger enable trigger money_ledger_append_only');
  };

  test('has what workers of the version before did not post, once they ran again, posted; what was gone before is left to a person', async () => {
    const { a } = await twoMerchants();
    const earlier = await placePaid({ [a]: 1 });
    await shop.db.pool.query('update money_backfill set finished_at = clock_timestamp()');
    const orderId = await placePaid({ [a]: 2 });
    const before = await entriesOf(shop.db, orderId);
    const found = async () => (await checkJob({ db: shop.db }, 'full', ['money_ledger'])).findings.length;
    const missing = 'payment_id in (select id from payments where order_id =';
    await without(`${missing} '${earlier}')`);
    expect(await found()).toBe(1);
    expect(await backfillMoney(shop.db)).toBe(0);
    await without(`${missing} '${orderId}')`);
    expect(await found()).toBe(2);
    // Both, since it looks at all.
    expect(await backfillMoney(shop.db)).toBe(2);
    expect(await entriesOf(shop.db, orderId)).toEqual(before);
    expect(await found()).toBe(0);
  });

  test('finds each planted difference, and what is missing is posted again as it was', async () => {
    const { a, b } = await twoMerchants();
    const orderId = await placePaid({ [a]: 2, [b]: 1 });
    await giveBack(shop.db, orderId, 500);
    await askDue(orderId);
    expect(await check()).toEqual([]);
    const before = await entriesOf(shop.db, orderId);
    await without(`kind = 'refund' and merchant_id <> 1`);
    expect(await check()).toEqual(['refunded 500 0']);
    await without('true');
    expect(await check()).toEqual(['captured 3000 0', 'refunded 500 0']);
    // Of the version before, which may still run, that is no fault.
    await beginBackfill(shop.db);
    expect(await check()).toEqual([]);
    expect(await backfillMoney(shop.db)).toBe(1);
    expect(await check()).toEqual([]);
    expect((await entriesOf(shop.db, orderId)).sort()).toEqual(before.sort());
    expect(await backfillMoney(shop.db)).toBe(0);
    await shop.db.pool.query('update money_backfill set next_pass_at = clock_timestamp()');
    await backfillMoney(shop.db);
    const { rows } = await shop.db.pool.query('select finished_at is not null as over from money_backfill');
    expect(rows).toEqual([{ over: true }]);
    // A part of it that is gone is nothing that the version before does: it is told, and not posted again.
    await without(`kind = 'capture' and amount_minor = 1000`);
    await shop.db.pool.query(
      'update money_backfill set finished_at = null, next_pass_at = clock_timestamp()',
    );
    expect(await backfillMoney(shop.db)).toBe(0);
    expect(await check()).toEqual(['captured 3000 2000']);
    await without('true');
    await shop.db.pool.query(
      'update money_backfill set finished_at = null, next_pass_at = clock_timestamp()',
    );
    expect(await backfillMoney(shop.db)).toBe(1);
    await shop.db.pool.query('update payments set captured_minor = captured_minor - 1 where order_id = $1', [
      orderId,
    ]);
    expect(await check()).toEqual(['captured 2999 3000']);
    await shop.db.pool.query('update payments set captured_minor = captured_minor + 1 where order_id = $1', [
      orderId,
    ]);
  });
});
