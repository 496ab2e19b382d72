import { askRefund } from '../../domain/payments/refund';
import type { RefundRequest } from '../../domain/payments/gateway';
import { readOrder } from '../../domain/ordering/views';
import { seededRandom } from '../support/random';
import { attentionOf, insertPaidOrder, planOne, progressOf } from './paid-order';
import { readPayment } from './orders';
import { disputeObject, NOW, stripeEvent, type DisputeWords } from './stripe-events';
import { useStripeEvents } from './told-by-stripe';

const { stripe, gateway, db, warned, webhook, tell, ask, read, calls, wakes, eventsOf, paid } =
  useStripeEvents();

describe('a dispute', () => {
  const disputed = (words: DisputeWords, { type = 'updated', created = NOW } = {}) =>
    stripeEvent(`charge.dispute.${type}`, disputeObject({ id: `dp_of_${words.intent}`, ...words }), {
      created,
    });
  const disputesOf = async (orderId: string) => (await readOrder(db(), orderId))?.view.disputes ?? [];

  test('is part of its order, needs a person until it is closed, and is in its history', async () => {
    const { orderId, paymentId, intent } = await paid();
    expect(await tell(disputed({ intent }, { type: 'created' }))).toBe('applied');
    const [dispute] = await disputesOf(orderId);
    expect(dispute).toMatchObject({
      paymentId,
      gatewayRef: `dp_of_${intent}`,
      amountMinor: 1_000,
      currency: 'USD',
      reason: 'fraudulent',
      status: 'needs_response',
      dueBy: new Date((NOW + 7 * 86_400) * 1_000).toISOString(),
    });
    expect(await attentionOf(db(), orderId)).toEqual([`disputed:${dispute!.id}`]);
    expect(await wakes(orderId)).toBe(1);
    // Stripe tells of the money that is taken with the same object.
    expect(await tell(disputed({ intent }, { type: 'funds_withdrawn', created: NOW + 1 }))).toBe('applied');
    await tell(disputed({ intent, status: 'under_review' }, { created: NOW + 2 }));
    await tell(disputed({ intent, status: 'won' }, { type: 'closed', created: NOW + 3 }));
    expect(await disputesOf(orderId)).toMatchObject([{ id: dispute!.id, status: 'won' }]);
    expect(await attentionOf(db(), orderId)).toEqual([]);
    expect(await eventsOf(orderId)).toEqual([
      'dispute_needs_response',
      'dispute_under_review',
      'dispute_won',
    ]);
  });

  test('that is lost needs a person who says that it is dealt with, unless it is won after all', async () => {
    const { orderId, intent } = await paid();
    await tell(disputed({ intent }));
    await tell(disputed({ intent, status: 'lost' }, { type: 'closed', created: NOW + 1 }));
    const [dispute] = await disputesOf(orderId);
    expect(await attentionOf(db(), orderId)).toEqual([`dispute_lost:${dispute!.id}`]);
    await tell(disputed({ intent, status: 'won' }, { type: 'updated', created: NOW + 9 }));
    expect(await attentionOf(db(), orderId)).toEqual([]);
  });

  test('ends the same in whatever order its events come, each of them twice', async () => {
    const told = (intent: string) => [
      disputed({ intent, status: 'warning_needs_response' }, { type: 'created', created: NOW - 10 }),
      disputed({ intent, status: 'needs_response' }, { created: NOW }),
      disputed({ intent, status: 'needs_response' }, { type: 'funds_withdrawn', created: NOW }),
      // Within one second of each other.
      disputed({ intent, status: 'under_review' }, { created: NOW }),
      disputed({ intent, status: 'lost', amount: 900 }, { type: 'closed', created: NOW + 5 }),
    ];
    const random = seededRandom();
    for (let round = 1; round <= 20; round++) {
      const { orderId, intent } = await paid();
      const events = told(intent);
      for (const event of random.shuffled([...events, ...events])) await tell(event);
      const found = await disputesOf(orderId);
      expect(found).toMatchObject([{ status: 'lost', amountMinor: 900 }]);
      expect(await attentionOf(db(), orderId)).toEqual([`dispute_lost:${found[0]!.id}`]);
    }
  });

  test('is one row and one event, told by all of its events at once', async () => {
    const { orderId, intent } = await paid();
    const events = ['created', 'updated', 'funds_withdrawn'].map((type) => disputed({ intent }, { type }));
    await Promise.all([...events, ...events].map(tell));
    expect(await disputesOf(orderId)).toHaveLength(1);
    expect(await eventsOf(orderId)).toEqual(['dispute_needs_response']);
  });

  test('holds back refunds of its payment, and lets them be made once it is won', async () => {
    const order = await paid();
    const { orderId, intent } = order;
    const before = await planOne(db(), order);
    await tell(disputed({ intent }));
    const after = await planOne(db(), order);
    for (const refundId of [before, after, before]) await ask(refundId);
    expect(calls()).toBe(0);
    for (const refundId of [before, after]) {
      const { status, lastError, dueIn } = await read(refundId);
      expect(status).toBe('planned');
      expect(lastError).toContain(`dp_of_${intent}`);
      expect(dueIn).toBeGreaterThan(3_600);
    }
    expect(await attentionOf(db(), orderId)).toMatchObject([expect.stringMatching(/^disputed:/)]);
    await tell(disputed({ intent, status: 'under_review' }, { created: NOW + 1 }));
    for (const refundId of [before, after]) await ask(refundId);
    expect(calls()).toBe(0);

    await tell(disputed({ intent, status: 'won' }, { type: 'closed', created: NOW + 2 }));
    expect((await progressOf(db(), orderId)).asks).toMatchObject([{ msLeft: 0 }, { msLeft: 0 }]);
    for (const refundId of [before, after]) await ask(refundId);
    expect(calls()).toBe(2);
    expect(await read(before)).toMatchObject({ status: 'succeeded', lastError: null });
  });

  test('that is only asked about holds nothing back', async () => {
    const order = await paid();
    const refundId = await planOne(db(), order);
    await tell(disputed({ intent: order.intent, status: 'warning_needs_response' }));
    expect(await attentionOf(db(), order.orderId)).toMatchObject([expect.stringMatching(/^disputed:/)]);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
  });

  test('holds back nothing of another payment', async () => {
    const [order, other] = [await paid(), await paid()];
    const refundId = await planOne(db(), order);
    await tell(disputed({ intent: other.intent }));
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
  });

  test('that is lost ends refunds of the money that it has taken, without asking the gateway', async () => {
    const order = await paid();
    const { orderId, intent, paymentId } = order;
    const [first, second] = [await planOne(db(), order, 1_000), await planOne(db(), order, 1_000)];
    await tell(disputed({ intent, amount: 2_000 }));
    await tell(disputed({ intent, amount: 2_000, status: 'lost' }, { type: 'closed', created: NOW + 1 }));
    // Of 3,000 captured the customer has 2,000 by the dispute: 1,000 may still go back.
    await ask(first);
    expect(await read(first)).toMatchObject({ status: 'succeeded' });
    await ask(second);
    expect(calls()).toBe(1);
    expect(await read(second)).toMatchObject({ status: 'failed' });
    expect((await read(second)).lastError).toContain(`dispute dp_of_${intent}`);
    expect(await attentionOf(db(), orderId)).toMatchObject([
      expect.stringMatching(/^dispute_lost:/),
      `refund_failed:${second}`,
    ]);
    expect(await readPayment(db(), paymentId)).toMatchObject({ planned: 2_000, refunded: 1_000 });
  });

  test('that is lost leaves nothing for a second refund while the first may have been made', async () => {
    const order = await paid();
    const { intent } = order;
    const [first, second] = [await planOne(db(), order, 600), await planOne(db(), order, 600)];
    await tell(disputed({ intent, amount: 2_000, status: 'lost' }, { type: 'closed' }));
    const silent = { ...gateway(), refund: () => Promise.reject(new Error('the response was lost')) };
    await askRefund({ db: db(), gatewayNamed: () => silent }, first);
    expect(await read(first)).toMatchObject({ status: 'planned' });
    await ask(second);
    expect(await read(second)).toMatchObject({ status: 'failed' });
    await ask(first);
    expect(await read(first)).toMatchObject({ status: 'succeeded' });
    expect(calls()).toBe(1);
  });

  test('that is lost does not end a refund that the gateway may have made: a person looks there', async () => {
    const order = await paid();
    const { orderId, intent } = order;
    const refundId = await planOne(db(), order, 2_000);
    const made = {
      ...gateway(),
      refund: async (request: RefundRequest) => {
        await gateway().refund(request);
        throw new Error('the response was lost');
      },
    };
    await askRefund({ db: db(), gatewayNamed: () => made }, refundId);
    await tell(disputed({ intent, amount: 3_000, status: 'lost' }, { type: 'closed' }));
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'planned' });
    expect((await read(refundId)).lastError).toContain('may have made this refund');
    expect(await attentionOf(db(), orderId)).toEqual(expect.arrayContaining([`refund_delayed:${refundId}`]));
    expect(calls()).toBe(1);
  });

  test('that is lost does not count refunds that it has only held back', async () => {
    const order = await paid();
    const { intent } = order;
    const refunds = [await planOne(db(), order, 600), await planOne(db(), order, 400)];
    await tell(disputed({ intent, amount: 2_000 }));
    for (const refundId of refunds) await ask(refundId);
    await tell(disputed({ intent, amount: 2_000, status: 'lost' }, { type: 'closed', created: NOW + 1 }));
    for (const refundId of refunds) await ask(refundId);
    for (const refundId of refunds) expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
  });

  test('that closes while a refund is being held back does not leave it waiting', async () => {
    const order = await paid();
    const { intent } = order;
    for (let round = 1; round <= 10; round++) {
      await tell(disputed({ id: `dp_${round}_${intent}`, intent }));
      const refundId = await planOne(db(), order, 10);
      const closed = disputed({ id: `dp_${round}_${intent}`, intent, status: 'won' }, { created: NOW + 1 });
      await Promise.all([ask(refundId), tell(closed)]);
      const { status, dueIn } = await read(refundId);
      expect(status === 'succeeded' || (dueIn ?? 0) < 3_600).toBe(true);
      await ask(refundId);
      expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
    }
  });

  test('does not hide what became of a refund that Stripe has already', async () => {
    const order = await insertPaidOrder(db(), gateway(), { token: 'pm_refund_pending' });
    const { gatewayRef: intent } = await readPayment(db(), order.paymentId);
    const refundId = await planOne(db(), order);
    await ask(refundId);
    await tell(disputed({ intent: intent ?? '' }));
    stripe().finishRefund((await read(refundId)).gatewayRef ?? '', 'succeeded');
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
  });

  test('is counted as Stripe counts its currency', () => {
    const told = (amount: number, currency: string) =>
      webhook.read(disputed({ intent: 'pi_1', amount, currency })).fact;
    expect(told(10_000, 'isk')).toMatchObject({ amountMinor: 100, currency: 'ISK' });
    expect(told(7, 'mga')).toMatchObject({ amountMinor: 700 });
    expect(told(500, 'jpy')).toMatchObject({ amountMinor: 500 });
    expect(told(500, 'usd')).toMatchObject({ amountMinor: 500 });
  });

  test('of an amount that its currency has not is rounded, logged and recorded', async () => {
    const order = await paid();
    warned.mockClear();
    expect(await tell(disputed({ intent: order.intent, amount: 12_345, currency: 'isk' }))).toBe('applied');
    expect(warned).toHaveBeenCalledWith(
      expect.objectContaining({ amount: 12_345, currency: 'ISK' }),
      expect.any(String),
    );
    const { rows } = await db().pool.query('select amount_minor from disputes where order_id = $1', [
      order.orderId,
    ]);
    expect(rows).toEqual([{ amount_minor: 123 }]);
    await tell(disputed({ id: 'dp_whole', intent: order.intent, amount: 12_300, currency: 'isk' }));
    expect(warned).toHaveBeenCalledTimes(1);
  });

  test('with an amount or a time that cannot be one is not understood', () => {
    const intent = 'pi_1';
    expect(webhook.read(disputed({ intent, amount: 1.5 })).fact).toBeNull();
    expect(webhook.read(disputed({ intent, amount: 2 ** 60 })).fact).toBeNull();
    const read = webhook.read({ ...disputed({ intent }), created: 1e15 });
    expect(read.fact).toBeNull();
    expect(Number.isNaN(read.occurredAt.getTime())).toBe(false);
  });

  test('with a status that Stripe adds one day holds refunds back', () => {
    expect(webhook.read(disputed({ intent: 'pi_1', status: 'new_one' })).fact).toMatchObject({
      status: 'under_review',
    });
  });
});
