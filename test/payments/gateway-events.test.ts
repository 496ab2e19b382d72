import { CHARGE_TERMS } from '../support/fixtures';
import { askRefund } from '../../domain/payments/refund';
import { settleByHand } from '../../domain/payments/refunds-by-hand';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { RefundRequest } from '../../domain/payments/gateway';
import type { GatewayEventResult } from '../../domain/payments/gateway-event-types';
import { readOrder } from '../../domain/ordering/views';
import { createStripeWebhook } from '../../integrations/stripe/webhook';
import { newId } from '../../platform/ids';
import { seededRandom } from '../support/random';
import {
  askAllDue,
  attentionOf,
  changeRefund,
  insertChargingOrder,
  insertPaidOrder,
  planOne,
  progressOf,
  readRefund,
  UNIT_MINOR,
  type PaidOrder,
} from './paid-order';
import { readPayment } from './orders';
import {
  disputeObject,
  intentObject,
  NOW,
  refundObject,
  stripeEvent,
  STRIPE_SECRET,
  type DisputeWords,
  type RefundWords,
  type StripeEvent,
} from './stripe-events';
import { useStripe } from './stripe-fixture';

const { stripe, gateway, db } = useStripe();
const warned = jest.fn();
const webhook = createStripeWebhook([STRIPE_SECRET], { warn: warned });

beforeEach(() => {
  stripe().idMark = `${newId()}_`;
});

const tell = (event: StripeEvent): Promise<GatewayEventResult> =>
  applyGatewayEvent(db(), 'stripe', webhook.read(event));
const ask = (refundId: string) => askRefund({ db: db(), gatewayNamed: gateway }, refundId);
const read = (refundId: string) => readRefund(db(), refundId);
const calls = () =>
  stripe()
    .routes()
    .filter((route) => route === 'refund').length;

/** Messages that wake the saga of an order, which are taken away. */
async function wakes(orderId: string): Promise<number> {
  const { rowCount } = await db().pool.query(`delete from outbox where topic = 'order.wake' and key = $1`, [
    orderId,
  ]);
  return rowCount ?? 0;
}

/** What its history says of refunds and disputes. */
async function eventsOf(orderId: string): Promise<string[]> {
  const { rows } = await db().pool.query<{ type: string }>(
    `select type from order_events where order_id = $1 and type ~ '^(refund|dispute)' order by seq`,
    [orderId],
  );
  return rows.map(({ type }) => type);
}

/** An order of three units, paid at Stripe. */
async function paid(): Promise<PaidOrder & { intent: string }> {
  const order = await insertPaidOrder(db(), gateway(), { units: [3], token: 'pm_ok' });
  const { gatewayRef } = await readPayment(db(), order.paymentId);
  return { ...order, intent: gatewayRef ?? '' };
}

const total = (intent: string, amount: number) =>
  stripeEvent('charge.refunded', {
    object: 'charge',
    id: 'ch_1',
    payment_intent: intent,
    amount_refunded: amount,
    currency: 'usd',
    metadata: {},
  });

describe('an event of a charge', () => {
  async function charging() {
    const order = await insertChargingOrder(db(), { token: 'pm_processing', gateway: 'stripe' });
    const deps = { db: db(), gatewayNamed: gateway, carrier: 'sandbox', ...CHARGE_TERMS };
    await askAllDue(deps, order.orderId);
    const { gatewayRef } = await readPayment(db(), order.paymentId);
    return { ...order, intent: gatewayRef ?? '', ask: () => askAllDue(deps, order.orderId) };
  }

  test('makes it due and wakes its saga, which looks what became of it', async () => {
    const { orderId, paymentId, intent, ask: askCharge } = await charging();
    expect((await progressOf(db(), orderId)).asks).toMatchObject([{ id: paymentId }]);
    expect(await askCharge()).toEqual([]);
    stripe().finish(intent, 'succeeded');
    expect(await tell(stripeEvent('payment_intent.succeeded', intentObject(intent)))).toBe('applied');
    expect(await wakes(orderId)).toBe(1);
    expect((await progressOf(db(), orderId)).asks).toMatchObject([{ msLeft: 0 }]);
    expect(await askCharge()).toEqual([paymentId]);
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'captured' });
  });

  test('is not believed: one that says what did not happen changes nothing', async () => {
    const { paymentId, intent, ask: askCharge } = await charging();
    await tell(stripeEvent('payment_intent.payment_failed', intentObject(intent)));
    expect(await askCharge()).toEqual([paymentId]);
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'unknown' });
    stripe().finish(intent, 'succeeded');
    await tell(stripeEvent('payment_intent.processing', intentObject(intent)));
    await askCharge();
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'captured' });
    expect(await tell(stripeEvent('payment_intent.succeeded', intentObject(intent)))).toBe('stale');
  });

  test('finds it by our id where its intent is not stored, and nothing by the id of another gateway', async () => {
    const order = await insertChargingOrder(db(), { token: 'pm_ok', gateway: 'stripe' });
    const elsewhere = await insertChargingOrder(db(), { token: 'tok_ok', gateway: 'sandbox' });
    const named = (paymentId: string) =>
      stripeEvent('payment_intent.succeeded', intentObject('pi_nobody_has', { paymentId }));
    expect(await tell(named(order.paymentId))).toBe('applied');
    expect(await tell(named(elsewhere.paymentId))).toBe('unknown');
    expect(await tell(named('not an id'))).toBe('unknown');
  });

  test.each([
    'payment_intent.requires_action',
    'payment_intent.amount_capturable_updated',
    'payment_intent.canceled',
  ])('%s makes a charge due that is in flight, whatever it came to since', async (type) => {
    const { orderId, intent } = await charging();
    const event = stripeEvent(type, intentObject(intent));
    expect(await tell(event)).toBe('applied');
    expect(await tell(event)).toBe('duplicate');
    expect(await wakes(orderId)).toBe(1);
    expect((await progressOf(db(), orderId)).asks).toMatchObject([{ msLeft: 0 }]);
  });

  test.each([
    ['of another object', stripeEvent('customer.created', { object: 'customer', id: 'cus_1' }), 'ignored'],
    ['of a new intent', stripeEvent('payment_intent.created', intentObject('pi_1')), 'ignored'],
    ['of an object that has changed', stripeEvent('refund.updated', { object: 'refund', id: 7 }), 'ignored'],
    [
      'of nothing of ours',
      stripeEvent('refund.updated', refundObject({ id: 're_x', intent: 'pi_x' })),
      'unknown',
    ],
  ])('%s changes nothing', async (_name, event, result) => {
    expect(await tell(event)).toBe(result);
  });
});

describe('an event of a refund', () => {
  const refunded = (words: RefundWords, created = NOW) =>
    stripeEvent('refund.updated', refundObject(words), { created });

  async function planned() {
    const order = await paid();
    const refundId = await planOne(db(), order);
    return { ...order, refundId };
  }

  test('that is open makes it due and wakes its saga', async () => {
    const { orderId, refundId, intent } = await planned();
    await changeRefund(db(), refundId, { status: 'pending', gatewayRef: `re_${refundId}` });
    await db().pool.query(
      `update refunds set next_try_at = clock_timestamp() + interval '1 day' where id = $1`,
      [refundId],
    );
    // By Stripe's own id alone.
    expect(await tell(refunded({ id: `re_${refundId}`, intent }))).toBe('applied');
    expect(await read(refundId)).toMatchObject({ status: 'pending', dueIn: null });
    expect(await wakes(orderId)).toBe(1);
  });

  test('that was made and fails later needs a person, once, however often and late it is told', async () => {
    const { orderId, paymentId, refundId, intent } = await planned();
    await ask(refundId);
    const { gatewayRef } = await read(refundId);
    const made = { id: gatewayRef ?? '', intent, refundId };
    expect(await readPayment(db(), paymentId)).toMatchObject({ refunded: UNIT_MINOR });
    const failed = stripeEvent('refund.failed', refundObject({ ...made, status: 'failed' }));
    const twice = await Promise.all([tell(failed), tell(failed)]);
    expect(twice.sort()).toEqual(['applied', 'duplicate']);
    expect(await read(refundId)).toMatchObject({ status: 'failed' });
    expect((await read(refundId)).lastError).toContain('expired_or_canceled_card');
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'captured', refunded: 0 });
    expect(await attentionOf(db(), orderId)).toEqual([`refund_failed:${refundId}`]);
    // The same told by another event, and what was true before it.
    expect(await tell(refunded({ ...made, status: 'failed' }))).toBe('stale');
    expect(await tell(refunded(made, NOW - 60))).toBe('stale');
    expect(await read(refundId)).toMatchObject({ status: 'failed' });
    expect((await eventsOf(orderId)).filter((type) => type === 'refund_failed')).toHaveLength(1);
  });

  test('that counts as failed and was made all the same is looked up', async () => {
    const { orderId, refundId, intent } = await planned();
    stripe().fail({ on: 'refund', when: 'after', how: 'hang' });
    await ask(refundId);
    const [made] = stripe().refunds;
    await changeRefund(db(), refundId, { status: 'failed', lastError: 'by a dispute' });
    expect(await tell(refunded({ id: made!.id, intent, refundId }))).toBe('applied');
    expect(await read(refundId)).toMatchObject({ status: 'pending', dueIn: null });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', gatewayRef: made!.id });
    expect(await wakes(orderId)).toBe(1);
  });

  test('that a person made at Stripe needs a person, and nothing else changes', async () => {
    const { orderId, paymentId, refundId, intent } = await planned();
    const id = `re_by_hand_${refundId}`;
    const unplanned = stripeEvent('refund.created', refundObject({ id, intent, amount: 500 }));
    expect(await tell(unplanned)).toBe('applied');
    expect(await tell(refunded({ id: `${id}_failed`, intent, status: 'failed' }))).toBe('stale');
    expect(await attentionOf(db(), orderId)).toEqual([`refund_unknown:${id}`]);
    expect(await read(refundId)).toMatchObject({ status: 'planned' });
    expect(await readPayment(db(), paymentId)).toMatchObject({ planned: UNIT_MINOR, refunded: 0 });
    // It was made instead of ours: then it is known, also when it is told again.
    const settlement = { refundId, outcome: 'made_elsewhere', reason: 'by hand', actor: 'anna' } as const;
    await settleByHand(db(), { ...settlement, reference: id });
    expect(await tell(refunded({ id, intent, amount: 500 }))).toBe('stale');
    expect(await attentionOf(db(), orderId)).toEqual([]);
    // And another for it is one too many.
    expect(await tell(refunded({ id: `${id}_too`, intent, refundId }))).toBe('applied');
    expect(await attentionOf(db(), orderId)).toEqual([`refunded_twice:${refundId}`]);
  });

  test('that says only how much went back in all needs a person where that is more than is planned', async () => {
    const { orderId, paymentId, intent } = await planned();
    expect(await tell(total(intent, UNIT_MINOR))).toBe('stale');
    expect(await attentionOf(db(), orderId)).toEqual([]);
    expect(await tell(total(intent, UNIT_MINOR + 1))).toBe('applied');
    expect(await attentionOf(db(), orderId)).toEqual([`refund_unknown:${paymentId}`]);
  });

  test.each(['the total first', 'the refund first', 'both at once'])(
    'that a person made at Stripe is one alert, told as a refund and as a total: %s',
    async (order) => {
      const { orderId, intent } = await planned();
      const id = `re_dashboard_${orderId}`;
      const asRefund = () =>
        tell(stripeEvent('refund.created', refundObject({ id, intent, amount: 2 * UNIT_MINOR })));
      const asTotal = () => tell(total(intent, 2 * UNIT_MINOR));
      if (order === 'both at once') await Promise.all([asRefund(), asTotal()]);
      else if (order === 'the refund first') await asRefund().then(asTotal);
      else await asTotal().then(asRefund);
      expect(await attentionOf(db(), orderId)).toEqual([`refund_unknown:${id}`]);
    },
  );
});

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
