import { CHARGE_TERMS } from '../support/fixtures';
import { settleByHand } from '../../domain/payments/refunds-by-hand';
import {
  askAllDue,
  attentionOf,
  changeRefund,
  insertChargingOrder,
  planOne,
  progressOf,
  UNIT_MINOR,
} from './paid-order';
import { readPayment } from './orders';
import { intentObject, NOW, refundObject, stripeEvent, type RefundWords } from './stripe-events';
import { useStripeEvents } from './told-by-stripe';

const { stripe, gateway, db, tell, ask, read, wakes, eventsOf, paid, total } = useStripeEvents();

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
