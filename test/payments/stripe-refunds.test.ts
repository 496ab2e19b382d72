import { askRefund } from '../../domain/payments/refund';
import { attentionOf, changeRefund, insertPaidOrder, plan, readRefund, UNIT_MINOR } from './paid-order';
import { readPayment } from './orders';
import type { Fault } from './scripted-stripe';
import { resets, useStripe } from './stripe-fixture';

const { stripe, gateway, db, payment, charge } = useStripe();

const FAILURE = { type: 'api_error', message: 'Something went wrong on our end.' };
const STORED: Fault = { on: 'refund', when: 'before', how: { status: 500, error: FAILURE, isStored: true } };

describe('a refund', () => {
  /** Of one unit of the order's. */
  async function planned({ units = 1, token = 'pm_ok' } = {}) {
    const order = await insertPaidOrder(db(), gateway(), { units: [units], token });
    const [refundId = ''] = await plan(db(), order);
    return { ...order, refundId };
  }

  const ask = (refundId: string) => askRefund({ db: db(), gatewayNamed: gateway }, refundId);
  const read = (refundId: string) => readRefund(db(), refundId);
  const keys = () =>
    stripe()
      .calls.filter(({ route }) => route === 'refund')
      .map(({ idempotencyKey }) => idempotencyKey);

  test('is made once, asked for twice and by two at once', async () => {
    const { refundId, paymentId } = await planned();
    await Promise.all([ask(refundId), ask(refundId)]);
    await ask(refundId);
    expect(stripe().refunds).toHaveLength(1);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', gatewayRef: 're_1' });
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'refunded', refunded: UNIT_MINOR });
  });

  test('is made once, also when its response was lost and Stripe has forgotten its key', async () => {
    const { refundId } = await planned();
    stripe().fail({ on: 'refund', when: 'after', how: 'hang' });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'planned', tries: 1 });
    stripe().forgetKeys();
    await ask(refundId);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 1 });
    expect(stripe().refunds).toHaveLength(1);
  });

  test.each(['before', 'after'] as const)(
    'is made once when the connection is cut %s Stripe has made it',
    async (when) => {
      const { refundId } = await planned({ units: 3 });
      stripe().fail(...resets('refund', when));
      await ask(refundId);
      expect(await read(refundId)).toMatchObject({ status: 'planned' });
      expect((await read(refundId)).lastError).toContain('gave no answer');
      await ask(refundId);
      expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 1, lastError: null });
      expect(stripe().refunds).toHaveLength(1);
    },
  );

  test('is not made while the list of refunds cannot be read', async () => {
    const { refundId } = await planned();
    stripe().fail({ on: 'list', when: 'before', how: 'hang' });
    await ask(refundId);
    expect(keys()).toEqual([]);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
  });

  test('that Stripe refuses has failed, and stays planned', async () => {
    const { refundId, orderId, paymentId } = await planned();
    const error = {
      type: 'invalid_request_error',
      code: 'charge_disputed',
      message: 'The charge is disputed.',
    };
    stripe().fail({ on: 'refund', when: 'before', how: { status: 400, error } });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({
      status: 'failed',
      lastError: `Stripe refused it: charge_disputed. Of its charge ${UNIT_MINOR} USD minor units are left at Stripe.`,
    });
    expect(await attentionOf(db(), orderId)).toEqual([`refund_failed:${refundId}`]);
    expect(await readPayment(db(), paymentId)).toMatchObject({ planned: UNIT_MINOR, refunded: 0 });
  });

  test('of which a part went back at Stripe already says how much is left there', async () => {
    const { refundId, paymentId } = await planned();
    const { gatewayRef } = await readPayment(db(), paymentId);
    const made = { payment_intent: gatewayRef!, metadata: { refundId: '', keyNumber: '' } };
    stripe().refunds.push({ ...made, id: 're_dashboard', amount: 300, status: 'succeeded' });
    stripe().refunds.push({ ...made, id: 're_failed', amount: 100, status: 'failed' });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'failed' });
    expect((await read(refundId)).lastError).toContain(`${UNIT_MINOR - 300} USD minor units are left`);
  });

  test('that is refused has failed, also where Stripe does not say what is left', async () => {
    const { refundId } = await planned();
    const error = { type: 'invalid_request_error', message: 'The charge is disputed.' };
    stripe().fail({ on: 'refund', when: 'before', how: { status: 400, error } });
    stripe().fail({ on: 'retrieve', when: 'before', how: 'hang' });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({
      status: 'failed',
      lastError: 'Stripe refused it: StripeInvalidRequestError.',
    });
  });

  test('of which Stripe refuses the key waits, and shows no part of the key', async () => {
    const { refundId } = await planned();
    const error = { type: 'invalid_request_error', message: 'Invalid API Key provided: sk_live_**12' };
    stripe().fail({ on: 'list', when: 'before', how: { status: 401, error } });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({
      status: 'planned',
      lastError: 'The payment gateway gave no answer: Stripe: StripeAuthenticationError',
    });
  });

  test('that Stripe holds is pending, and succeeds later', async () => {
    const { refundId, paymentId } = await planned({ token: 'pm_refund_pending' });
    await ask(refundId);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'pending', gatewayRef: 're_1' });
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'captured', refunded: 0 });
    stripe().finishRefund('re_1', 'succeeded');
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
    expect(await readPayment(db(), paymentId)).toMatchObject({ status: 'refunded', refunded: UNIT_MINOR });
    expect(stripe().refunds).toHaveLength(1);
  });

  test('that Stripe holds and that fails needs a person, and is made anew under the next number', async () => {
    const { refundId, orderId } = await planned({ token: 'pm_refund_pending' });
    await ask(refundId);
    stripe().finishRefund('re_1', 'failed');
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({
      status: 'failed',
      lastError: 'Stripe says failed: expired_or_canceled_card.',
    });
    expect(await attentionOf(db(), orderId)).toEqual([`refund_failed:${refundId}`]);

    // Under the same number it is the one that failed.
    await changeRefund(db(), refundId, { status: 'planned' });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'failed' });
    await changeRefund(db(), refundId, { status: 'planned', keyNumber: 2 });
    await ask(refundId);
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'pending', gatewayRef: 're_2' });
    stripe().finishRefund('re_2', 'succeeded');
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', gatewayRef: 're_2' });
    expect(await attentionOf(db(), orderId)).toEqual([]);
    expect(keys()).toEqual([refundId, `${refundId}:2`]);
  });

  test('that failed at the bank counts as made once a person has made it anew under its id', async () => {
    const { refundId } = await planned();
    stripe().fail({ on: 'refund', when: 'after', how: 'hang' });
    await ask(refundId);
    const [failed] = stripe().refunds;
    stripe().finishRefund('re_1', 'failed');
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'failed' });
    stripe().refunds.push({ ...failed!, id: 're_by_hand', status: 'succeeded' });
    await changeRefund(db(), refundId, { status: 'planned', keyNumber: 2 });
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', gatewayRef: 're_by_hand' });
    expect(stripe().refunds).toHaveLength(2);
  });

  test('whose key Stripe has spent on a failure of its own is made under the next number', async () => {
    const { refundId, paymentId } = await planned({ units: 3 });
    stripe().fail(STORED);
    // The first response does not say that it is stored.
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 1 });
    await Promise.all([ask(refundId), ask(refundId)]);
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 2, tries: 3 });
    expect((await read(refundId)).lastError).toContain('Stripe has stored a failure');
    await Promise.all([ask(refundId), ask(refundId)]);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 2 });
    expect(stripe().refunds).toHaveLength(1);
    expect(await readPayment(db(), paymentId)).toMatchObject({ refunded: UNIT_MINOR });
  });

  test('that was made although Stripe has stored a failure for its key is found, not made again', async () => {
    const { refundId } = await planned({ units: 3 });
    const lost: Fault = { ...STORED, when: 'after' };
    stripe().fail(lost);
    await ask(refundId);
    expect(stripe().refunds).toHaveLength(1);
    // Not on the list when it is first looked at, and there when the stored failure has come back.
    const made = stripe().refunds.splice(0);
    stripe().onRefund = () => {
      stripe().refunds.push(...made.splice(0));
    };
    await ask(refundId);
    expect(await read(refundId)).toMatchObject({ status: 'succeeded', keyNumber: 1, gatewayRef: 're_1' });
    expect(stripe().refunds).toHaveLength(1);
    expect(keys()).toEqual([refundId, refundId]);
  });

  test('keeps its key while Stripe fails without saying that it has stored it', async () => {
    const { refundId } = await planned();
    const passing: Fault = { on: 'refund', when: 'before', how: { status: 503, error: FAILURE } };
    for (let n = 0; n < 3; n++) {
      stripe().fail(passing);
      await ask(refundId);
    }
    expect(await read(refundId)).toMatchObject({ status: 'planned', keyNumber: 1 });
    await ask(refundId);
    expect(keys()).toEqual(Array.from({ length: 4 }, () => refundId));
    expect(await read(refundId)).toMatchObject({ status: 'succeeded' });
  });
});

test('a charge whose intent met a failure that Stripe has stored is captured once by the next try', async () => {
  const { paymentId } = await payment();
  stripe().fail({ on: 'create', when: 'after', how: { status: 500, error: FAILURE, isStored: true } });
  await expect(charge(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
  const [first, second] = await Promise.all([charge(paymentId), charge(paymentId)]);
  expect(second).toEqual(first);
  expect(first).toMatchObject({ status: 'captured' });
  const captures = [...stripe().intents.values()].map((intent) => intent.captures);
  expect(captures.reduce((sum, count) => sum + count, 0)).toBe(1);
});
