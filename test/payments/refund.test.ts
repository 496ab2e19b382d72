import { randomUUID } from 'node:crypto';
import { askRefund, settleRefund } from '../../domain/payments/refund';
import type { ClosableGateway, GatewayNamed, RefundOutcome } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { execute } from '../../platform/database/database';
import { translateDatabaseError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS, eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { readPayment } from './orders';
import {
  askAllDue,
  attentionOf,
  changeRefund,
  insertPaidOrder,
  letRetry,
  moneyOf,
  plan,
  planOne,
  progressOf,
  readRefund,
  refundsOf,
  type PaidOrder,
} from './paid-order';
import { postMoneyAgain } from '../support/post-money';

const NOWHERE = 'postgresql://postgres@127.0.0.1:1/none';

const log = testLogger();
let shop: TestShop;
let gateway: ClosableGateway;
let away: ClosableGateway;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000, slowMs: 300 });
  away = createSandboxGateway({ url: NOWHERE, log, callTimeoutMs: 100 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await Promise.all([gateway.close(), away.close()]);
  await shop.close();
});

const paidOrder = (rest?: { units?: number[]; token?: string }) => insertPaidOrder(shop.db, gateway, rest);
const at = (one: ClosableGateway): GatewayNamed => onlyGateway(one).named;
const ask = (refundId: string, where = gateway) =>
  askRefund({ db: shop.db, gatewayNamed: at(where) }, refundId);
const read = (refundId: string) => readRefund(shop.db, refundId);

const money = (order: Pick<PaidOrder, 'paymentId'>) => moneyOf(shop.db, order);

async function refundEvents({ orderId }: PaidOrder): Promise<string[]> {
  return (await eventTypes(shop.db, orderId)).filter((type) => type.startsWith('refund'));
}

const ALL_BACK = { status: 'refunded', planned: 1_000, refunded: 1_000, atGateway: 1_000 };
const NONE_BACK = { status: 'captured', planned: 1_000, refunded: 0, atGateway: 0 };

describe('planning', () => {
  test('an origin is planned once, also by two at once', async () => {
    const order = await paidOrder({ units: [3] });
    const origin = { kind: 'operator', id: newId() } as const;
    await Promise.all([plan(shop.db, order, { origin }), plan(shop.db, order, { origin })]);
    expect(await plan(shop.db, order, { origin })).toHaveLength(1);
    expect(await money(order)).toEqual({ status: 'captured', planned: 1_000, refunded: 0, atGateway: 0 });
    expect(await refundEvents(order)).toEqual(['refund_started']);
  });

  test('no more is planned than is left, and nothing where nothing is', async () => {
    const order = await paidOrder({ units: [3] });
    await plan(shop.db, order, { amountMinor: 2_000 });
    await plan(shop.db, order, { amountMinor: 2_000 });
    expect(await plan(shop.db, order)).toHaveLength(2);
    expect((await refundsOf(shop.db, order.orderId)).map(({ amountMinor }) => amountMinor)).toEqual([
      2_000, 1_000,
    ]);
    expect(await money(order)).toMatchObject({ planned: 3_000 });
  });

  test('a payment that was not captured is not refunded', async () => {
    const order = await paidOrder();
    await shop.db.pool.query(
      `update payments set status = 'unknown', capture_planned_minor = 0, captured_minor = 0 where id = $1`,
      [order.paymentId],
    );
    await postMoneyAgain(shop.db);
    expect(await plan(shop.db, order)).toEqual([]);
  });

  test('the database refuses to plan or record more than was captured', async () => {
    const { paymentId } = await paidOrder({ units: [5] });
    for (const change of [
      'refund_planned_minor = 5001',
      'refunded_minor = 1',
      'refund_planned_minor = 5000, refunded_minor = 5001',
    ]) {
      const attempt = execute(shop.db, `test.over:${change}`, `update payments set ${change} where id = $1`, [
        paymentId,
      ]).catch((error: unknown) => Promise.reject(translateDatabaseError(error) as Error));
      await expect(attempt).rejects.toMatchObject({ code: 'REFUND_EXCEEDS_CAPTURE' });
    }
  });
});

describe('a refund', () => {
  test('of which a call fails shows nobody the text of the error, and logs it', async () => {
    const order = await paidOrder();
    const refundId = await planOne(shop.db, order);
    const logged = jest.fn();
    const gatewayNamed: GatewayNamed = () => ({
      ...gateway,
      refund: () => Promise.reject(new Error('password for 10.0.0.7')),
    });
    for (let tries = 0; tries < 6; tries++)
      await askRefund({ db: shop.db, gatewayNamed, log: { warn: logged } }, refundId);
    const why = 'The payment gateway gave no answer.';
    expect((await read(refundId)).lastError).toBe(why);
    const { rows } = await shop.db.pool.query('select details from alerts where order_id = $1', [
      order.orderId,
    ]);
    expect(rows).toMatchObject([{ details: { reason: 'refund_delayed', why } }]);
    expect(logged).toHaveBeenCalledTimes(6);
    expect(logged.mock.calls[0]).toMatchObject([
      { err: { message: 'password for 10.0.0.7' }, refundId },
      expect.any(String),
    ]);
  });

  test('is made and recorded once, asked for twice and by many at once', async () => {
    const order = await paidOrder();
    const refundId = await planOne(shop.db, order);
    expect(await money(order)).toEqual(NONE_BACK);
    await Promise.all(Array.from({ length: 8 }, () => ask(refundId)));
    await ask(refundId);
    expect(await money(order)).toEqual(ALL_BACK);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 1, lastError: null });
    expect(await refundEvents(order)).toEqual(['refund_started', 'refund_succeeded']);
  });

  test('whose maker died before recording it is made once', async () => {
    const order = await paidOrder();
    const refundId = await planOne(shop.db, order);
    const { gatewayRef } = await readPayment(shop.db, order.paymentId);
    await gateway.refund({
      refundId,
      keyNumber: 1,
      paymentId: order.paymentId,
      gatewayRef: gatewayRef!,
      amountMinor: 1_000,
      currency: 'USD',
      reason: 'test',
    });
    await ask(refundId);
    expect(await money(order)).toEqual(ALL_BACK);
  });

  test('that is refused for good has failed, needs a person, and stays planned', async () => {
    const order = await paidOrder({ token: 'tok_refund_fails' });
    const refundId = await planOne(shop.db, order);
    await Promise.all([ask(refundId), ask(refundId)]);
    expect(await read(refundId)).toMatchObject({
      status: 'failed',
      lastError: 'the card account is closed',
      dueIn: null,
    });
    expect(await money(order)).toEqual(NONE_BACK);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
    expect(await progressOf(shop.db, order.orderId)).toMatchObject({
      asks: [],
      attention: ['refund_failed'],
    });
    // It is not tried again by itself, and its amount is not planned again.
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'failed', tries: 0 });
    expect(await plan(shop.db, order)).toEqual([refundId]);
    expect(await refundEvents(order)).toEqual(['refund_started', 'refund_failed']);
  });

  test('that the gateway holds is pending, and needs a person when it fails', async () => {
    const order = await paidOrder({ token: 'tok_refund_pending' });
    const refundId = await planOne(shop.db, order);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'pending' });
    expect(await money(order)).toMatchObject({ status: 'captured', planned: 1_000, refunded: 0 });
    expect((await progressOf(shop.db, order.orderId)).asks).toMatchObject([{ kind: 'refund', id: refundId }]);
    await ask(refundId);
    // It is looked at less often than one that the gateway does not have.
    expect((await read(refundId)).dueIn).toBeGreaterThan(30);
    await waitFor(async () => {
      await ask(refundId);
      return (await read(refundId)).status === 'failed';
    });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
    expect(await money(order)).toMatchObject({ status: 'captured', planned: 1_000, refunded: 0 });
    expect(await refundEvents(order)).toEqual(['refund_started', 'refund_pending', 'refund_failed']);
  });

  test('that failed is tried again under the next number of its key, which makes one', async () => {
    const order = await paidOrder({ token: 'tok_refund_fails' });
    const refundId = await planOne(shop.db, order);
    await ask(refundId);
    await changeRefund(shop.db, refundId, { status: 'planned', keyNumber: 2 });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'failed', keyNumber: 2 });
    await shop.db.pool.query(
      `update sandbox_gateway.charges set token = 'tok_ok' where idempotency_key = $1`,
      [order.paymentId],
    );
    await changeRefund(shop.db, refundId, { status: 'planned', keyNumber: 3 });
    await Promise.all([ask(refundId), ask(refundId)]);
    await ask(refundId);
    expect(await money(order)).toEqual(ALL_BACK);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    const { rows } = await shop.db.pool.query(
      `select idempotency_key from sandbox_gateway.refunds where idempotency_key like $1 || '%'`,
      [refundId],
    );
    expect(rows).toEqual([{ idempotency_key: `${refundId}:3` }]);
  });

  test('that succeeded and fails later is taken off what is back, once', async () => {
    const order = await paidOrder({ units: [3] });
    const [first, second] = [await planOne(shop.db, order, 1_000), await planOne(shop.db, order, 2_000)];
    await ask(first);
    await ask(second);
    expect(await money(order)).toMatchObject({ status: 'refunded', refunded: 3_000 });
    const fail = async (refundId: string, ref?: string) => {
      const gatewayRef = ref ?? (await read(refundId)).gatewayRef;
      const outcome = { status: 'failed', gatewayRef, reason: 'returned by the bank' } as const;
      await shop.db.transaction((tx) => settleRefund(tx, refundId, outcome));
    };
    // Of another one than was made.
    await fail(second, 'sandbox_re_other');
    expect(await money(order)).toMatchObject({ status: 'refunded', refunded: 3_000 });
    await Promise.all([fail(second), fail(second)]);
    await fail(second);
    expect(await money(order)).toMatchObject({
      status: 'partially_refunded',
      planned: 3_000,
      refunded: 1_000,
    });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${second}`]);
    await fail(first);
    expect(await money(order)).toMatchObject({ status: 'captured', planned: 3_000, refunded: 0 });
    const events = await refundEvents(order);
    expect(events.filter((type) => type === 'refund_failed')).toHaveLength(2);
    // A message of before, which comes late.
    const { gatewayRef } = await read(first);
    await shop.db.transaction((tx) =>
      settleRefund(tx, first, { status: 'succeeded', gatewayRef: gatewayRef ?? '' }),
    );
    expect(await read(first)).toMatchObject({ status: 'failed' });
  });

  test('whose failure is recorded late does not fail the try under the next number', async () => {
    const order = await paidOrder({ units: [3] });
    const refundId = await planOne(shop.db, order);
    const failed = { status: 'failed', gatewayRef: null, reason: 'no funds' } as const;
    const record = (keyNumber: number) =>
      shop.db.transaction((tx) => settleRefund(tx, refundId, failed, keyNumber));
    await record(1);
    expect(await read(refundId)).toMatchObject({ status: 'failed' });
    await changeRefund(shop.db, refundId, { status: 'planned', keyNumber: 2 });
    await record(1);
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 2 });
    await ask(refundId);
    await record(1);
    await record(2);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
    expect(await money(order)).toMatchObject({ refunded: 1_000, atGateway: 1_000 });
  });

  test('that one call was refused and another, recorded later, was granted has succeeded', async () => {
    const order = await paidOrder({ units: [3] });
    const refundId = await planOne(shop.db, order);
    const settle = (outcome: RefundOutcome) =>
      shop.db.transaction((tx) => settleRefund(tx, refundId, outcome, 1));
    await settle({ status: 'failed', gatewayRef: null, reason: 'no funds' });
    await settle({ status: 'succeeded', gatewayRef: 'sandbox_re_1' });
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', lastError: null });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect(await money(order)).toMatchObject({ status: 'partially_refunded', refunded: 1_000 });
  });

  test('that a person has settled stays so, and counts as refunded once the gateway says that it paid it out', async () => {
    const order = await paidOrder();
    const refundId = await planOne(shop.db, order);
    await changeRefund(shop.db, refundId, { status: 'settled_by_hand', settledAs: 'waived' });
    await ask(refundId);
    for (const status of ['succeeded', 'pending'] as const)
      await shop.db.transaction((tx) => settleRefund(tx, refundId, { status, gatewayRef: 'x' }));
    expect(await read(refundId)).toMatchObject({ status: 'settled_by_hand', tries: 0 });
    expect(await money(order)).toEqual({ ...NONE_BACK, refunded: 1_000, status: 'refunded' });
  });

  test('of a gateway that is away is tried later and later, needs a person after six tries, and no longer once it is made', async () => {
    const order = await paidOrder();
    const refundId = await planOne(shop.db, order);
    for (let tries = 1; tries <= 6; tries++) {
      expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
      await ask(refundId, away);
      const refund = await read(refundId);
      expect(refund).toMatchObject({ status: 'planned', tries, keyNumber: 1 });
      expect(refund.lastError).toBeTruthy();
      const planned = 0.5 * 2 ** (tries - 1);
      expect(refund.dueIn).toBeLessThanOrEqual(planned);
      if (tries > 2) expect(refund.dueIn).toBeGreaterThan(planned / 4);
    }
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_delayed:${refundId}`]);
    expect(await money(order)).toEqual(NONE_BACK);
    await ask(refundId);
    expect(await money(order)).toEqual(ALL_BACK);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect(await refundEvents(order)).toEqual(['refund_started', 'refund_succeeded']);
  });

  test('that was delayed and is refused then needs a person for that alone', async () => {
    const order = await paidOrder({ token: 'tok_refund_fails' });
    const refundId = await planOne(shop.db, order);
    for (let tries = 1; tries <= 6; tries++) await ask(refundId, away);
    await ask(refundId);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
  });

  test('of a gateway that is not set up any more says so, and is made once it is', async () => {
    const order = await paidOrder();
    const refundId = await planOne(shop.db, order);
    await shop.db.pool.query(`update payments set gateway = 'stripe' where id = $1`, [order.paymentId]);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({
      status: 'planned',
      lastError: 'The gateway "stripe" is not set up.',
    });
    await askRefund({ db: shop.db, gatewayNamed: () => gateway }, refundId);
    expect(await money(order)).toEqual(ALL_BACK);
  });

  test('that does not exist is not asked about, and cannot be settled', async () => {
    await ask(randomUUID());
    const settled = shop.db.transaction((tx) =>
      settleRefund(tx, randomUUID(), { status: 'succeeded', gatewayRef: 'x' }),
    );
    await expect(settled).rejects.toMatchObject({ code: 'REFUND_NOT_FOUND' });
  });
});

test('a refund that fails holds up neither another of its payment nor another payment', async () => {
  const order = await paidOrder({ units: [2] });
  const { orderId } = order;
  const other = await paidOrder();
  // Of the same order, at a gateway that is away.
  await shop.db.pool.query(
    `update payments set order_id = $2, attempt = 2, update_id = 'u-2', gateway = 'stripe' where id = $1`,
    [other.paymentId, orderId],
  );
  const late = await planOne(shop.db, { ...other, orderId });
  const [refused, made] = [await planOne(shop.db, order), await planOne(shop.db, order)];
  const gatewayNamed: GatewayNamed = (name) => ({
    ...(name === 'stripe' ? away : gateway),
    refund(request) {
      if (request.refundId === refused)
        return Promise.resolve({ status: 'failed', gatewayRef: null, reason: 'refused' });
      return (name === 'stripe' ? away : gateway).refund(request);
    },
  });
  const deps = { db: shop.db, gatewayNamed, carrier: 'sandbox', ...CHARGE_TERMS };
  expect((await askAllDue(deps, orderId)).sort()).toEqual([late, refused, made].sort());
  const statuses = async () =>
    Object.fromEntries((await refundsOf(shop.db, orderId)).map(({ id, status }) => [id, status]));
  expect(await statuses()).toEqual({ [late]: 'planned', [refused]: 'failed', [made]: 'succeeded' });
  await letRetry(shop.db, orderId);
  expect(await askAllDue({ ...deps, gatewayNamed: () => gateway }, orderId)).toEqual([late]);
  expect(await statuses()).toMatchObject({ [late]: 'succeeded' });
  await shop.db.pool.query('update payments set order_id = $2 where id = $1', [
    other.paymentId,
    other.orderId,
  ]);
  await shop.db.pool.query('update refunds set order_id = $2 where id = $1', [late, other.orderId]);
});
