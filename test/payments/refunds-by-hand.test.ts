import { raiseAttention } from '../../domain/orders/attention';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { newId } from '../../platform/ids';
import { twice } from '../db/support';
import { eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { readSandboxBooks } from './orders';
import { attentionOf, plan, progressOf } from './paid-order';
import { useRefunds } from './refunds-by-hand';
import { postMoneyAgain } from '../support/post-money';

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

const { paidOrder, ask, amounts, request, lastEvent, isWoken } = useRefunds({
  shop: () => shop,
  gateway: () => gateway,
  away: () => away,
});

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
    await postMoneyAgain(shop.db);
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
