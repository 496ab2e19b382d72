import { raiseAttention } from '../../domain/orders/attention';
import { askRefund, settleRefund } from '../../domain/payments/refund';
import {
  requestRefund,
  retryRefund,
  settleByHand,
  type RefundWanted,
  type SettlementByHand,
} from '../../domain/payments/refunds-by-hand';
import { gatewayChanged } from '../../domain/payments/errors';
import type { ClosableGateway, GatewayNamed } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { newId } from '../../platform/ids';
import { twice } from '../db/support';
import { eventTypes, gatewayAskedLongAgo, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { readPayment, readSandboxBooks } from './orders';
import {
  attentionOf,
  insertPaidOrder,
  letRetry,
  plan,
  planOne,
  progressOf,
  readRefund,
  refundsOf,
  type PaidOrder,
} from './paid-order';

const log = testLogger();
let shop: TestShop;
let gateway: ClosableGateway;
let away: ClosableGateway;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000, slowMs: 300 });
  away = createSandboxGateway({ url: 'postgresql://postgres@127.0.0.1:1/none', log, callTimeoutMs: 100 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await Promise.all([gateway.close(), away.close()]);
  await shop.close();
});

const paidOrder = (rest?: { units?: number[]; token?: string }) => insertPaidOrder(shop.db, gateway, rest);
const ask = (refundId: string, where = gateway) =>
  askRefund({ db: shop.db, gatewayNamed: onlyGateway(where).named }, refundId);
const read = (refundId: string) => readRefund(shop.db, refundId);
const amounts = async ({ orderId }: PaidOrder) =>
  (await refundsOf(shop.db, orderId)).map(({ amountMinor }) => amountMinor);

const request = ({ orderId }: PaidOrder, rest: Partial<RefundWanted> = {}) =>
  requestRefund(shop.db, {
    orderId,
    requestId: newId(),
    paymentId: null,
    amountMinor: 500,
    reason: 'late delivery',
    actor: 'kim',
    ...rest,
  });
const settle = (refundId: string, rest: Partial<SettlementByHand> = {}) =>
  settleByHand(shop.db, {
    refundId,
    outcome: 'made_elsewhere',
    reference: 'bank 17',
    reason: 'the card is closed',
    actor: 'kim',
    ...rest,
  });
const retry = (refundId: string) => retryRefund(shop.db, { refundId, actor: 'kim' });

async function lastEvent({ orderId }: PaidOrder): Promise<{ type: string; data: object }> {
  const { rows } = await shop.db.pool.query<{ type: string; data: object }>(
    'select type, data from order_events where order_id = $1 order by seq desc limit 1',
    [orderId],
  );
  return rows[0]!;
}

/** Whether the order's saga was asked to look since the last time. */
async function isWoken({ orderId }: PaidOrder): Promise<boolean> {
  const { rowCount } = await shop.db.pool.query(
    `delete from outbox where topic = 'order.wake' and key = $1`,
    [orderId],
  );
  return (rowCount ?? 0) > 0;
}

/** As if the gateway had last been asked about a refund so long ago, and were to be asked again in an hour. */
async function askedAgo(refundId: string, seconds: number): Promise<void> {
  await shop.db.pool.query(
    `update refunds set asked_at = clock_timestamp() - make_interval(secs => $2), next_try_at = clock_timestamp() + interval '1 hour'
     where id = $1`,
    [refundId, seconds],
  );
}

/** A refund that the gateway has refused for good. */
async function failed(): Promise<{ order: PaidOrder; refundId: string }> {
  const order = await paidOrder({ token: 'tok_refund_fails' });
  const refundId = await planOne(shop.db, order);
  await ask(refundId);
  expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
  return { order, refundId };
}

/** A refund of which the gateway has given no response for long. */
async function delayed(): Promise<{ order: PaidOrder; refundId: string }> {
  const order = await paidOrder();
  const refundId = await planOne(shop.db, order);
  for (let tries = 0; tries < 6; tries++) await ask(refundId, away);
  expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_delayed:${refundId}`]);
  return { order, refundId };
}

describe('asking for a refund', () => {
  test('plans it, with who wants it and why in the history of the order, and wakes the saga', async () => {
    const order = await paidOrder();
    const refund = await request(order);
    expect(refund).toMatchObject({
      paymentId: order.paymentId,
      amountMinor: 500,
      status: 'planned',
      reason: 'late delivery',
    });
    expect(await lastEvent(order)).toEqual({
      type: 'refund_started',
      data: {
        refundId: refund.id,
        paymentId: order.paymentId,
        amountMinor: 500,
        reason: 'late delivery',
        actor: 'kim',
      },
    });
    expect(await isWoken(order)).toBe(true);
    expect((await progressOf(shop.db, order.orderId)).asks).toMatchObject([
      { kind: 'refund', id: refund.id },
    ]);
  });

  test('again is the same refund, also by many at once and once all of it went back', async () => {
    const order = await paidOrder();
    const wanted = { requestId: newId(), amountMinor: 1_000 };
    const made = await Promise.all(Array.from({ length: 8 }, () => request(order, wanted)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    const refundId = made[0]!.id;
    await ask(refundId);
    const [first] = await twice(shop.db, () => request(order, wanted));
    expect(first).toMatchObject({ id: refundId, status: 'succeeded' });
    expect(await amounts(order)).toEqual([1_000]);
  });

  test('up to what is left, and not a cent more', async () => {
    const order = await paidOrder();
    await request(order, { amountMinor: 400 });
    await expect(request(order, { amountMinor: 601 })).rejects.toMatchObject({
      code: 'REFUND_EXCEEDS_CAPTURE',
      details: { leftMinor: 600 },
    });
    await request(order, { amountMinor: 600 });
    await expect(request(order, { amountMinor: 1 })).rejects.toMatchObject({ code: 'NOT_REFUNDABLE' });
    expect(await amounts(order)).toEqual([400, 600]);
  });

  test('two at once never get more than is left', async () => {
    const order = await paidOrder();
    const both = await Promise.allSettled([1, 2].map(() => request(order, { amountMinor: 600 })));
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'REFUND_EXCEEDS_CAPTURE', details: { leftMinor: 400 } },
    });
    expect(await amounts(order)).toEqual([600]);
  });

  test('of an order without captured money is refused', async () => {
    const order = await paidOrder();
    await shop.db.pool.query(
      `update payments set status = 'declined', capture_planned_minor = 0, captured_minor = 0 where id = $1`,
      [order.paymentId],
    );
    await expect(request(order)).rejects.toMatchObject({ code: 'NOT_REFUNDABLE' });
    await expect(request({ ...order, orderId: newId() })).rejects.toMatchObject({ code: 'NOT_REFUNDABLE' });
    expect(await amounts(order)).toEqual([]);
  });

  test('names a payment of the order, also where all of it is planned to go back', async () => {
    const order = await paidOrder();
    const other = await paidOrder();
    for (const paymentId of [newId(), other.paymentId])
      await expect(request(order, { paymentId })).rejects.toMatchObject({
        code: 'VALIDATION_FAILED',
        details: { errors: [{ path: 'paymentId', message: 'the order has no such payment' }] },
      });
    const { paymentId } = order;
    await request(order, { paymentId, amountMinor: 1_000 });
    await expect(request(order, { paymentId })).rejects.toMatchObject({ code: 'NOT_REFUNDABLE' });
  });

  test('may be open at most twenty times, also by many at once; the course of the order does not count', async () => {
    const order = await paidOrder();
    await plan(shop.db, order, { amountMinor: 1, origin: { kind: 'shipment', id: order.shipments[0]! } });
    const requestId = newId();
    await request(order, { requestId, amountMinor: 1 });
    const all = await Promise.allSettled(
      Array.from({ length: 22 }, () => request(order, { amountMinor: 1 })),
    );
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(3);
    for (const each of refused)
      expect(each).toMatchObject({ reason: { code: 'REFUND_UNDER_WAY', details: { openRefunds: 20 } } });
    const first = await request(order, { requestId, amountMinor: 1 });
    await ask(first.id);
    await request(order, { amountMinor: 1 });
  });

  test('of several payments with money left needs the payment, of which only its own money goes back', async () => {
    const order = await paidOrder();
    const other = await paidOrder({ units: [3] });
    const move = (to: string) =>
      shop.db.pool.query(
        `update payments set order_id = $2, attempt = 3 - attempt, update_id = 'other' where id = $1`,
        [other.paymentId, to],
      );
    await move(order.orderId);
    await expect(request(order)).rejects.toMatchObject({
      code: 'PAYMENT_AMBIGUOUS',
      details: { paymentIds: [order.paymentId, other.paymentId].sort() },
    });
    const { paymentId } = order;
    await expect(request(order, { paymentId, amountMinor: 1_001 })).rejects.toMatchObject({
      code: 'REFUND_EXCEEDS_CAPTURE',
      details: { leftMinor: 1_000 },
    });
    expect(await request(order, { paymentId, amountMinor: 1_000 })).toMatchObject({ paymentId });
    // Of one payment alone is money left now.
    expect(await request(order, { amountMinor: 3_000 })).toMatchObject({ paymentId: other.paymentId });
    await shop.db.pool.query('update refunds set order_id = $2 where payment_id = $1', [
      other.paymentId,
      other.orderId,
    ]);
    await move(other.orderId);
  });
});

describe('recording money that went back already', () => {
  test('is settled by hand, ends what was unknown, and leaves only the rest to go back', async () => {
    const order = await paidOrder();
    const { orderId, paymentId } = order;
    const ref = `re_${newId()}`;
    await shop.db.transaction((tx) =>
      raiseAttention(tx, [{ orderId, kind: 'refund_unknown', about: ref, why: 'told' }]),
    );
    const wanted = { requestId: newId(), amountMinor: 300, madeElsewhere: ref };
    const [first] = await twice(shop.db, () => request(order, wanted));
    expect(first).toMatchObject({
      paymentId,
      amountMinor: 300,
      status: 'settled_by_hand',
      settledAs: 'made_elsewhere',
      settledReference: ref,
      settledBy: 'kim',
    });
    expect(await attentionOf(shop.db, orderId)).toEqual([]);
    expect(await eventTypes(shop.db, orderId)).toEqual([
      'shipments_created',
      'refund_started',
      'refund_settled',
      'attention_resolved',
    ]);
    expect((await progressOf(shop.db, orderId)).asks).toEqual([]);
    expect(await readSandboxBooks(shop.db, [paymentId])).toMatchObject({ refundedMinor: 0 });
    await expect(request(order, { amountMinor: 701 })).rejects.toMatchObject({ details: { leftMinor: 700 } });
    await expect(request(order, { ...wanted, requestId: newId() })).rejects.toMatchObject({
      code: 'REFUND_MADE',
      details: { refundId: first.id },
    });
    await request(order, { amountMinor: 700 });
  });
});

describe('recording what was done instead', () => {
  test.each(['made_elsewhere', 'waived'] as const)(
    'ends a refund that failed: %s, once, and nothing of it is planned anew',
    async (outcome) => {
      const { order, refundId } = await failed();
      await isWoken(order);
      const [first] = await twice(shop.db, () => settle(refundId, { outcome }));
      expect(first).toMatchObject({ id: refundId, status: 'settled_by_hand', settledAs: outcome });
      expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
      expect(await lastEvent(order)).toEqual({
        type: 'refund_settled',
        data: { refundId, outcome, reference: 'bank 17', reason: 'the card is closed', actor: 'kim' },
      });
      expect(await isWoken(order)).toBe(true);
      expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ planned: 1_000, refunded: 0 });
      await expect(request(order)).rejects.toMatchObject({ code: 'NOT_REFUNDABLE' });
    },
  );

  test('ends one that waits for a gateway that is away: it is asked no more', async () => {
    const { order, refundId } = await delayed();
    await settle(refundId);
    expect((await progressOf(shop.db, order.orderId)).asks).toEqual([]);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'settled_by_hand' });
    expect(await readSandboxBooks(shop.db, [order.paymentId])).toMatchObject({ refundedMinor: 0 });
  });

  test('is allowed for one that the gateway has and that is out of reach, since that is not set up any more', async () => {
    const order = await paidOrder({ token: 'tok_refund_pending' });
    const { orderId } = order;
    const refundId = await planOne(shop.db, order);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'pending' });
    const gone: GatewayNamed = (name) => {
      throw gatewayChanged(name);
    };
    for (let tries = 1; tries <= 6; tries++) {
      await expect(settle(refundId)).rejects.toMatchObject({ code: 'REFUND_UNDER_WAY' });
      await askRefund({ db: shop.db, gatewayNamed: gone }, refundId);
      expect(await attentionOf(shop.db, orderId)).toEqual(tries < 6 ? [] : [`refund_delayed:${refundId}`]);
    }
    expect((await read(refundId)).lastError).toContain('is not set up');
    expect(await settle(refundId)).toMatchObject({ status: 'settled_by_hand' });
    expect(await attentionOf(shop.db, orderId)).toEqual([]);
  });

  test('is refused for one that the gateway has and that is merely away', async () => {
    const order = await paidOrder({ token: 'tok_refund_pending' });
    const refundId = await planOne(shop.db, order);
    await ask(refundId);
    // Away is not gone: it is waited for.
    for (let tries = 1; tries <= 8; tries++) await ask(refundId, away);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    await expect(settle(refundId)).rejects.toMatchObject({ code: 'REFUND_UNDER_WAY' });
  });

  test('by two at once is recorded once', async () => {
    const { order, refundId } = await failed();
    await Promise.all([settle(refundId), settle(refundId)]);
    const events = await eventTypes(shop.db, order.orderId);
    expect(events.filter((type) => type === 'refund_settled')).toHaveLength(1);
  });

  test('in another way or with another reference afterwards is refused, and shows who said what', async () => {
    const { refundId } = await failed();
    await settle(refundId);
    for (const other of [{ outcome: 'waived' as const }, { reference: 'bank 18' }, { reference: null }])
      await expect(settle(refundId, other)).rejects.toMatchObject({ code: 'REFUND_SETTLED' });
    expect(await settle(refundId, { actor: 'lee' })).toMatchObject({
      settledAs: 'made_elsewhere',
      settledReference: 'bank 17',
      settledBy: 'kim',
    });
  });

  test('ends what is unknown of this order under that reference, and of no other, with who said so', async () => {
    const { order, refundId } = await failed();
    const other = await paidOrder();
    const about = (ref: string, { orderId }: PaidOrder) =>
      shop.db.transaction((tx) =>
        raiseAttention(tx, [{ orderId, kind: 'refund_unknown', about: ref, why: 'told' }]),
      );
    const [own, foreign] = [`re_${newId()}`, `re_${newId()}`];
    await about(own, order);
    await about(foreign, other);
    const second = await failed();
    await settle(second.refundId, { reference: foreign });
    expect(await attentionOf(shop.db, other.orderId)).toEqual([`refund_unknown:${foreign}`]);
    expect(await eventTypes(shop.db, second.order.orderId)).not.toContain('attention_resolved');
    await twice(shop.db, () => settle(refundId, { reference: own }));
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect(await lastEvent(order)).toEqual({
      type: 'attention_resolved',
      data: { kind: 'refund_unknown', about: own, by: 'kim', note: 'the card is closed' },
    });
  });

  test('is refused while the gateway has the refund, and once the money went back', async () => {
    const held = await paidOrder({ token: 'tok_refund_pending' });
    const pending = await planOne(shop.db, held);
    await ask(pending);
    await expect(settle(pending)).rejects.toMatchObject({ code: 'REFUND_UNDER_WAY' });
    await waitFor(async () => {
      await ask(pending);
      return (await read(pending)).status === 'failed';
    });
    expect(await settle(pending)).toMatchObject({ status: 'settled_by_hand' });

    const made = await planOne(shop.db, await paidOrder());
    await ask(made);
    for (const attempt of [settle, retry])
      await expect(attempt(made)).rejects.toMatchObject({ code: 'REFUND_MADE' });
    for (const attempt of [settle, retry])
      await expect(attempt(newId())).rejects.toMatchObject({ code: 'REFUND_NOT_FOUND' });
  });

  test('while a call was under way that made the refund after all needs a person', async () => {
    const { order, refundId } = await delayed();
    await settle(refundId);
    const outcome = { status: 'succeeded', gatewayRef: 'sandbox_re_1' } as const;
    const record = () => shop.db.retrying((tx) => settleRefund(tx, refundId, outcome, 1));
    await record();
    await record();
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refunded_twice:${refundId}`]);
    expect(await read(refundId)).toMatchObject({ status: 'settled_by_hand' });
  });
});

describe('trying again', () => {
  test('one that failed is tried under the next number of its key, and made once', async () => {
    const { order, refundId } = await failed();
    await isWoken(order);
    await shop.db.pool.query(
      `update sandbox_gateway.charges set token = 'tok_ok' where idempotency_key = $1`,
      [order.paymentId],
    );
    await gatewayAskedLongAgo(shop.db);
    const [first, second] = await Promise.all([retry(refundId), retry(refundId)]);
    expect([first, second]).toMatchObject([{ status: 'planned' }, { status: 'planned' }]);
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 2, tries: 0, dueIn: null });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
    expect(await isWoken(order)).toBe(true);
    expect(await lastEvent(order)).toEqual({ type: 'refund_retried', data: { refundId, actor: 'kim' } });
    await Promise.all([ask(refundId), ask(refundId)]);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 2 });
    expect(await readSandboxBooks(shop.db, [order.paymentId])).toMatchObject({ refundedMinor: 1_000 });
  });

  test('one that waits is due at once, under the same key', async () => {
    const { order, refundId } = await delayed();
    expect((await read(refundId)).dueIn).toBeGreaterThan(0);
    await askedAgo(refundId, 13);
    await retry(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 1, dueIn: null });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 1 });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([]);
  });

  test('one that the gateway has is looked at at once', async () => {
    const order = await paidOrder({ token: 'tok_refund_pending' });
    const refundId = await planOne(shop.db, order);
    await ask(refundId);
    await ask(refundId);
    expect((await read(refundId)).dueIn).toBeGreaterThan(0);
    await askedAgo(refundId, 13);
    await retry(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'pending', keyNumber: 1, dueIn: null });
    await letRetry(shop.db, order.orderId);
  });

  test('one that is due already, or was asked about just now, changes nothing', async () => {
    const { order, refundId } = await delayed();
    await isWoken(order);
    const before = await eventTypes(shop.db, order.orderId);
    expect(await retry(refundId)).toMatchObject({ status: 'planned' });
    expect((await read(refundId)).dueIn).toBeGreaterThan(0);
    expect(await isWoken(order)).toBe(false);
    await askedAgo(refundId, 13);
    await Promise.all(Array.from({ length: 5 }, () => retry(refundId)));
    expect(await isWoken(order)).toBe(true);
    await retry(refundId);
    expect(await isWoken(order)).toBe(false);
    expect(await eventTypes(shop.db, order.orderId)).toEqual([...before, 'refund_retried']);
  });

  test('one that failed just now stays as it is, and is tried some seconds later', async () => {
    const { order, refundId } = await failed();
    await isWoken(order);
    const before = await eventTypes(shop.db, order.orderId);
    expect(await retry(refundId)).toMatchObject({ status: 'failed' });
    expect(await read(refundId)).toMatchObject({ status: 'failed', keyNumber: 1 });
    expect(await isWoken(order)).toBe(false);
    expect(await eventTypes(shop.db, order.orderId)).toEqual(before);
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
    await askedAgo(refundId, 13);
    expect(await retry(refundId)).toMatchObject({ status: 'planned' });
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 2 });
  });

  test('one that was settled by hand is refused', async () => {
    const { refundId } = await failed();
    await settle(refundId, { outcome: 'waived' });
    await expect(retry(refundId)).rejects.toMatchObject({ code: 'REFUND_SETTLED' });
    expect(await read(refundId)).toMatchObject({ status: 'settled_by_hand', keyNumber: 1 });
  });

  test('and refused again, it needs a person again', async () => {
    const { order, refundId } = await failed();
    await gatewayAskedLongAgo(shop.db);
    await retry(refundId);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'failed', keyNumber: 2 });
    expect(await attentionOf(shop.db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
  });
});
