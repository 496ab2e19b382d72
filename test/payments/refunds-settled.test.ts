import { raiseAttention } from '../../domain/orders/attention';
import { askRefund, settleRefund } from '../../domain/payments/refund';
import { gatewayChanged } from '../../domain/payments/errors';
import type { ClosableGateway, GatewayNamed } from '../../domain/payments/gateway';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { newId } from '../../platform/ids';
import { twice } from '../db/support';
import { eventTypes, gatewayAskedLongAgo, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { readPayment, readSandboxBooks } from './orders';
import { attentionOf, letRetry, planOne, progressOf, type PaidOrder } from './paid-order';
import { useRefunds } from './refunds-by-hand';

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

const { paidOrder, ask, read, request, settle, retry, lastEvent, isWoken, askedAgo, failed, delayed } =
  useRefunds({
    shop: () => shop,
    gateway: () => gateway,
    away: () => away,
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
    await askedAgo(refundId, 11);
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
    await askedAgo(refundId, 11);
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
    await askedAgo(refundId, 11);
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
    await askedAgo(refundId, 11);
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
