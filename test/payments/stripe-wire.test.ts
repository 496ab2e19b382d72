import { executeCharge } from '../../domain/payments/charge';
import { executeRefunds } from '../../domain/payments/refund';
import { createStripeGateway } from '../../domain/payments/stripe-gateway';
import type { ChargeOutcome, ClosableGateway } from '../../domain/payments/types';
import {
  abandonHold,
  insertOrder,
  insertPayment,
  log,
  openPaymentsDatabase,
  type OrderRows,
  type PaymentsDatabase,
  readPayment,
  setCaptured,
} from './orders';
import { ScriptedStripe, type Fault } from './scripted-stripe';

let database: PaymentsDatabase;
let stripe: ScriptedStripe;
let gateway: ClosableGateway;

beforeAll(async () => {
  database = await openPaymentsDatabase();
});

beforeEach(async () => {
  stripe = await ScriptedStripe.start();
  gateway = createStripeGateway({
    apiKey: 'sk_test_1',
    apiBase: stripe.url,
    timeoutMs: 200,
    log: log,
  });
});

afterEach(async () => {
  await gateway.close();
  await stripe.stop();
});

afterAll(() => database.close());

async function payment(token = 'pm_ok', amountMinor = 5_000): Promise<OrderRows & { paymentId: string }> {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order, { gateway: 'stripe', token, amountMinor });
  return { ...order, paymentId };
}

function charge(paymentId: string): Promise<ChargeOutcome> {
  return executeCharge({ db: database.db, gateway, paymentId });
}

/** The SDK repeats a call once by itself when its connection was closed, so a call that is to fail is reset twice. */
function resets(on: Fault['on'], when: Fault['when']): Fault[] {
  return [
    { on, when, how: 'reset' },
    { on, when, how: 'reset' },
  ];
}

const UNAVAILABLE = { code: 'PAYMENT_GATEWAY_UNAVAILABLE' };

function captures(): number[] {
  return [...stripe.intents.values()].map((intent) => intent.captures);
}

describe('a charge', () => {
  test('is created unconfirmed, stored, and then confirmed', async () => {
    const { paymentId, orderId } = await payment();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(stripe.routes()).toEqual(['create', 'confirm']);
    expect((await readPayment(database.db, paymentId)).gatewayRef).toBe('pi_1');
    expect(Object.fromEntries(stripe.calls[0]!.params)).toEqual({
      amount: '5000',
      currency: 'usd',
      payment_method: 'pm_ok',
      confirm: 'false',
      capture_method: 'automatic',
      'automatic_payment_methods[enabled]': 'true',
      'automatic_payment_methods[allow_redirects]': 'never',
      'metadata[orderId]': orderId,
      'metadata[paymentId]': paymentId,
    });
    expect(stripe.calls.map((call) => call.idempotencyKey)).toEqual([paymentId, `${paymentId}:confirm`]);
  });

  test('run again is looked up, not made again', async () => {
    const { paymentId } = await payment();
    const first = await charge(paymentId);
    stripe.forgetKeys();
    expect(await charge(paymentId)).toEqual(first);
    expect(stripe.routes()).toEqual(['create', 'confirm', 'retrieve']);
    expect(captures()).toEqual([1]);
  });

  test('that is confirmed while the answer times out is found captured', async () => {
    stripe.fail({ on: 'confirm', when: 'after', how: 'hang' });
    const { paymentId } = await payment();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(stripe.routes()).toEqual(['create', 'confirm', 'retrieve']);
  });

  test('whose answer and lookup are both lost is captured once, also when Stripe has forgotten its keys', async () => {
    stripe.fail(
      { on: 'confirm', when: 'after', how: 'hang' },
      { on: 'retrieve', when: 'before', how: 'hang' },
    );
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    stripe.forgetKeys();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('whose confirmation never reached Stripe is confirmed again, on the same intent', async () => {
    stripe.fail({ on: 'confirm', when: 'before', how: 'hang' });
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('whose connection is reset while it is created makes one intent', async () => {
    stripe.fail(...resets('create', 'after'));
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('survives one reset connection without anybody noticing', async () => {
    stripe.fail({ on: 'confirm', when: 'after', how: 'reset' });
    const { paymentId } = await payment();
    expect(await charge(paymentId)).toMatchObject({ status: 'captured' });
    expect(captures()).toEqual([1]);
  });

  test('whose intent was forgotten with its key before it was stored is captured once', async () => {
    stripe.fail(...resets('create', 'after'));
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    stripe.forgetKeys();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_2' });
    expect(captures()).toEqual([0, 1]);
  });

  test('refused by the card is declined with the code of the issuer, also when it is asked again', async () => {
    const { paymentId } = await payment('pm_declined');
    const declined = { status: 'declined', gatewayRef: 'pi_1', declineCode: 'insufficient_funds' };
    expect(await charge(paymentId)).toEqual(declined);
    expect(await charge(paymentId)).toEqual(declined);
    expect(stripe.routes()).toEqual(['create', 'confirm', 'retrieve']);
  });

  test('whose decline was lost is found declined', async () => {
    stripe.fail(...resets('confirm', 'after'));
    const { paymentId } = await payment('pm_declined');
    expect(await charge(paymentId)).toMatchObject({ status: 'declined', declineCode: 'insufficient_funds' });
  });

  test.each([
    ['succeeded', { status: 'captured', gatewayRef: 'pi_1' }],
    [
      'requires_payment_method',
      { status: 'declined', gatewayRef: 'pi_1', declineCode: 'payment_method_required' },
    ],
  ] as const)('in processing is unknown until it is %s', async (end, outcome) => {
    const { paymentId } = await payment('pm_processing');
    expect(await charge(paymentId)).toEqual({ status: 'unknown' });
    expect(await charge(paymentId)).toEqual({ status: 'unknown' });
    stripe.finish('pi_1', end);
    expect(await charge(paymentId)).toEqual(outcome);
    expect(stripe.routes().filter((route) => route === 'confirm')).toHaveLength(1);
  });

  test('that wants the customer is ended and declined, since there is no customer to ask', async () => {
    const { paymentId } = await payment('pm_challenge');
    const declined = { status: 'declined', gatewayRef: 'pi_1', declineCode: 'authentication_required' };
    expect(await charge(paymentId)).toEqual(declined);
    expect(stripe.intents.get('pi_1')).toMatchObject({ status: 'canceled', captures: 0 });
    expect(stripe.calls[1]!.params.get('error_on_requires_action')).toBe('true');
  });

  test.each([
    ['pm_unknown', 5_000, 'resource_missing'],
    ['pm_ok', 10, 'amount_too_small'],
  ])('that Stripe will never take (%s, %i) is declined as %s', async (token, amountMinor, declineCode) => {
    const { paymentId } = await payment(token, amountMinor);
    expect(await charge(paymentId)).toEqual({ status: 'declined', gatewayRef: null, declineCode });
  });

  test('that Stripe will not confirm is ended, so that it can never be captured later', async () => {
    const error = { type: 'invalid_request_error', code: 'payment_method_unactivated', message: 'No.' };
    stripe.fail({ on: 'confirm', when: 'before', how: { status: 400, error } });
    const { paymentId } = await payment();
    expect(await charge(paymentId)).toMatchObject({
      status: 'declined',
      declineCode: 'payment_method_unactivated',
    });
    expect(stripe.intents.get('pi_1')).toMatchObject({ status: 'canceled' });
  });

  test.each([
    ['create', 'pi_none', null],
    ['confirm', 'canceled', 'pi_1'],
  ] as const)(
    'lost at its %s is ended, not made, once its hold was given up',
    async (route, status, gatewayRef) => {
      stripe.fail(...resets(route, 'before'));
      const { paymentId, reservationId } = await payment();
      await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
      await abandonHold(database.db, reservationId);
      expect(await charge(paymentId)).toEqual({ status: 'declined', gatewayRef, declineCode: 'abandoned' });
      expect(stripe.intents.get('pi_1')?.status ?? 'pi_none').toBe(status);
    },
  );

  test('whose hold is given up while its intent is created is not confirmed', async () => {
    const { paymentId, reservationId } = await payment();
    stripe.onCreate = () => abandonHold(database.db, reservationId);
    expect(await charge(paymentId)).toEqual({ status: 'unknown' });
    expect(await charge(paymentId)).toEqual({
      status: 'declined',
      gatewayRef: null,
      declineCode: 'abandoned',
    });
    expect(captures()).toEqual([0]);
  });

  test('confirmed by two at once, without keys, is found captured by both', async () => {
    const { paymentId, orderId } = await payment();
    const request = {
      paymentId,
      orderId,
      amountMinor: 5_000,
      currency: 'USD',
      method: 'card',
      token: 'pm_ok',
      gatewayRef: null,
    };
    await gateway.prepare(request);
    const prepared = { ...request, gatewayRef: 'pi_1' };
    const first = await gateway.charge(prepared);
    stripe.forgetKeys();
    expect(await gateway.charge(prepared)).toEqual(first);
    expect(captures()).toEqual([1]);
  });

  test.each([
    [401, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
  ])('answered with %i is tried again later', async (status, type) => {
    stripe.fail({ on: 'create', when: 'before', how: { status, error: { type, message: 'Not now.' } } });
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toMatchObject({ status: 'captured' });
  });

  test('under a key that Stripe knows for another request is never tried again', async () => {
    const { paymentId } = await payment();
    const error = { type: 'idempotency_error', message: 'Keys can only be used with the same request.' };
    stripe.fail({ on: 'create', when: 'before', how: { status: 400, error } });
    await expect(charge(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_KEY_REUSED' });
  });

  test('is not confirmed before its intent is stored', async () => {
    const { paymentId, orderId } = await payment();
    const request = {
      paymentId,
      orderId,
      amountMinor: 5_000,
      currency: 'USD',
      method: 'card',
      token: 'pm_ok',
    };
    await expect(gateway.charge({ ...request, gatewayRef: null })).rejects.toMatchObject({
      code: 'PAYMENT_NOT_PREPARED',
    });
    expect(stripe.calls).toEqual([]);
  });
});

describe('a refund', () => {
  async function paid(): Promise<string> {
    const { orderId, paymentId } = await payment();
    const outcome = await charge(paymentId);
    await setCaptured(database.db, paymentId, outcome.status === 'captured' ? outcome.gatewayRef : '');
    return orderId;
  }

  function refund(orderId: string): Promise<{ refundedMinor: number }> {
    return executeRefunds({ db: database.db, gateway, orderId, reason: 'cancelled' });
  }

  test('is made once, also when its answer was lost and Stripe has forgotten its key', async () => {
    const orderId = await paid();
    stripe.fail({ on: 'refund', when: 'after', how: 'hang' });
    await expect(refund(orderId)).rejects.toMatchObject(UNAVAILABLE);
    stripe.forgetKeys();
    expect(await refund(orderId)).toEqual({ refundedMinor: 5_000 });
    expect(await refund(orderId)).toEqual({ refundedMinor: 5_000 });
    expect(stripe.refunds).toHaveLength(1);
  });

  test('that Stripe refuses says so and is not recorded', async () => {
    const orderId = await paid();
    const error = {
      type: 'invalid_request_error',
      code: 'charge_already_refunded',
      message: 'Already refunded.',
    };
    stripe.fail({ on: 'refund', when: 'before', how: { status: 400, error } });
    await expect(refund(orderId)).rejects.toMatchObject({ code: 'REFUND_FAILED' });
  });

  test('that failed at the bank counts only once a person has made it anew under its id', async () => {
    const orderId = await paid();
    stripe.fail({ on: 'refund', when: 'after', how: 'hang' });
    await expect(refund(orderId)).rejects.toMatchObject(UNAVAILABLE);
    const [failed] = stripe.refunds;
    failed!.status = 'failed';
    await expect(refund(orderId)).rejects.toMatchObject({ code: 'REFUND_FAILED' });
    stripe.refunds.push({ ...failed!, id: 're_by_hand', status: 'succeeded' });
    expect(await refund(orderId)).toEqual({ refundedMinor: 5_000 });
  });
});
