import { recordDispute } from '../../domain/payments/disputes';
import { settleRefund } from '../../domain/payments/refund';
import type { DisputeStatus } from '../../domain/payments/types';
import { orderPaymentId } from '../../domain/orders/ids';
import {
  addProduct,
  giveBack,
  openOrderShop,
  orderOf,
  PAYMENT,
  settleCharge,
  viewOf,
  type OrderShop,
} from '../db/support';
import { amountsOf, make, payOut, statementOf } from '../payouts/support';
import { ask, carryOut, fileOf, linesOf, settle } from '../settlement/support';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { addMerchant } from './support';

/** What happens to money after its merchant was paid, or its day is in a file. */

let shop: OrderShop;
beforeEach(async () => {
  shop = await openOrderShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

const JUNE = { from: '2026-06-01', to: '2026-06-30' };
const JULY = { from: '2026-07-01', to: '2026-07-31' };

/** A merchant that sells a product, at 1,000 minor units. */
async function sell(merchant: string, { currency = 'USD', zone = 'UTC' } = {}): Promise<string> {
  const sku = `${merchant}-1`;
  await addProduct(shop.db, sku, currency);
  await addStock(shop.db, sku, 'AMS', 100);
  await addMerchant(shop.db, merchant, { skus: [sku], zone });
  return sku;
}

/** An order whose money the gateway took then. */
async function paidAt(sku: string, quantity: number, at: string): Promise<string> {
  const { orderId } = await placed(sku, quantity);
  const paymentId = orderPaymentId(orderId, 1);
  const outcome = { status: 'captured', gatewayRef: `pi-${orderId}`, at: new Date(at) } as const;
  await settleCharge(shop.db, { paymentId, outcome });
  return orderId;
}

async function placed(sku: string, quantity: number) {
  const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
  await shop.place(order);
  return order;
}

/** Gives money of an order back, as the gateway did then. */
async function refundAt(orderId: string, minor: number, at: string): Promise<void> {
  await giveBack(shop.db, orderId, minor);
  const refund = (await viewOf(shop.db, orderId)).refunds.find(({ status }) => status === 'planned');
  if (!refund) throw new Error('no refund was planned');
  const made = { status: 'succeeded', gatewayRef: `re-${refund.id}`, at: new Date(at) } as const;
  await shop.db.transaction((tx) => settleRefund(tx, refund.id, made));
}

function dispute(orderId: string, status: DisputeStatus, at: string, amountMinor = 1_000): Promise<boolean> {
  const fact = {
    gatewayRef: `dp-${orderId}`,
    amountMinor,
    currency: 'USD',
    reason: 'fraudulent',
    dueBy: null,
  };
  return shop.db.transaction((tx) =>
    recordDispute(
      tx,
      { paymentId: orderPaymentId(orderId, 1), orderId },
      { ...fact, status, occurredAt: new Date(at) },
    ),
  );
}

test('a dispute after the payout of its money is in the next one, also what comes back of it', async () => {
  const sku = await sell('acme');
  const disputed = await paidAt(sku, 1, '2026-06-10T12:00:00Z');
  expect(await payOut(shop.db, 'acme')).toMatchObject({ amountMinor: 1_000 });
  await dispute(disputed, 'needs_response', '2026-06-20T12:00:00Z');
  await expect(make(shop.db, 'acme')).rejects.toMatchObject({
    code: 'NOTHING_TO_PAY_OUT',
    details: { balanceMinor: -1_000, currency: 'USD' },
  });
  await paidAt(sku, 3, '2026-06-21T12:00:00Z');
  const second = await payOut(shop.db, 'acme');
  expect(amountsOf(await statementOf(shop.db, second))).toEqual(['-10.00', '30.00']);
  await dispute(disputed, 'won', '2026-07-02T12:00:00Z');
  const third = await payOut(shop.db, 'acme');
  expect(amountsOf(await statementOf(shop.db, third))).toEqual(['10.00']);
});

test('a refund and a dispute after the file of their day are in the next one, and the file stays as it was', async () => {
  const sku = await sell('acme');
  const orderId = await paidAt(sku, 3, '2026-06-10T12:00:00Z');
  const jobId = await ask(shop.db, JUNE);
  const june = await carryOut(shop.db, jobId);
  expect(linesOf(june)).toEqual(['acme,2026-06-10,30.00,0.00,30.00,1']);
  // Told of after the end of the month in which it was made.
  await refundAt(orderId, 250, '2026-06-28T12:00:00Z');
  await refundAt(orderId, 100, '2026-07-03T12:00:00Z');
  await dispute(orderId, 'needs_response', '2026-06-10T13:00:00Z');
  expect(await settle(shop.db, JULY)).toEqual([
    'acme,2026-06-10,-10.00,0.00,-10.00,1',
    'acme,2026-06-28,-2.50,0.00,-2.50,1',
    'acme,2026-07-03,-1.00,0.00,-1.00,1',
  ]);
  expect(await ask(shop.db, JUNE)).toBe(jobId);
  expect(await fileOf(shop.db, jobId)).toBe(june);
  expect(await settle(shop.db, { ...JUNE, supplement: true })).toEqual([]);
});

test('what a gateway says of a dispute later than now is of now, so that it is in a file', async () => {
  const orderId = await paidAt(await sell('acme'), 1, '2026-06-10T12:00:00Z');
  await dispute(orderId, 'needs_response', '2100-01-01T00:00:00Z');
  const { rows } = await shop.db.pool.query(
    `select effective_at <= at as past from money_ledger where kind = 'dispute'`,
  );
  expect(rows).toEqual([{ past: true }]);
});

test.each([
  ['JPY', '2026-06-10,2999,105,2894,2', ['3000', '-105', '-1']],
  ['BHD', '2026-06-10,2.999,0.105,2.894,2', ['3.000', '-0.105', '-0.001']],
])(
  'in %s amounts, fees and refunds are whole in its smallest unit, and written with its digits',
  async (currency, line, amounts) => {
    const sku = await sell('acme', { currency });
    await shop.db.pool.query(
      `insert into fee_rules (merchant_id, currency, effective_from, rate_bp, fixed_minor, minimum_minor, is_returned)
     select id, $1, '2026-01-01', 250, 30, 0, false from merchants where code = 'acme'`,
      [currency],
    );
    const orderId = await paidAt(sku, 3, '2026-06-10T12:00:00Z');
    await refundAt(orderId, 1, '2026-06-10T13:00:00Z');
    expect(await settle(shop.db, JUNE)).toEqual([`acme,${line}`]);
    expect(amountsOf(await statementOf(shop.db, await payOut(shop.db, 'acme')))).toEqual(amounts);
  },
);

test.each([
  // Berlin: UTC+1 until 2026-03-29 01:00Z, then UTC+2 until 2026-10-25 01:00Z.
  ['2026-03-29', 'has 23 hours', '2026-03-28T23:00:00Z', '2026-03-29T21:59:59.999Z'],
  ['2026-10-25', 'has 25 hours', '2026-10-24T22:00:00Z', '2026-10-25T22:59:59.999Z'],
  ['2026-02-28', 'ends a month', '2026-02-27T23:00:00Z', '2026-02-28T22:59:59.999Z'],
  ['2026-07-01', 'begins a month', '2026-06-30T22:00:00Z', '2026-07-01T21:59:59.999Z'],
])(
  'the file of %s, which %s, has its first and its last moment where the merchant is',
  async (day, _why, first, last) => {
    const sku = await sell('acme', { zone: 'Europe/Berlin' });
    const around = [Date.parse(first) - 1, Date.parse(first), Date.parse(last), Date.parse(last) + 1];
    for (const at of around) await paidAt(sku, 1, new Date(at).toISOString());
    expect(await settle(shop.db, { from: day, to: day })).toEqual([`acme,${day},20.00,0.00,20.00,2`]);
  },
);
