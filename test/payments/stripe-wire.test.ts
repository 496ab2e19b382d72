import { newId } from '../../platform/ids';
import { readPayment } from './orders';
import { resets, UNAVAILABLE, useStripe } from './stripe-fixture';
import { CAPTURED_NOW } from './charge-terms';

const { stripe, gateway, db, payment, charge, captures } = useStripe();

describe('a charge', () => {
  test('is created unconfirmed, stored, and then confirmed', async () => {
    const { paymentId, orderId } = await payment();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(stripe().routes()).toEqual(['create', 'confirm']);
    expect((await readPayment(db(), paymentId)).gatewayRef).toBe('pi_1');
    expect(Object.fromEntries(stripe().calls[0]!.params)).toEqual({
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
    const [created, confirmed] = stripe().calls.map((call) => call.idempotencyKey);
    expect(created).toBe(paymentId);
    expect(confirmed).not.toContain(paymentId);
  });

  test('run again is looked up, not made again', async () => {
    const { paymentId } = await payment();
    const first = await charge(paymentId);
    stripe().forgetKeys();
    expect(await charge(paymentId)).toEqual(first);
    expect(stripe().routes()).toEqual(['create', 'confirm', 'retrieve']);
    expect(captures()).toEqual([1]);
  });

  test('whose confirmation failed once inside Stripe is confirmed by the next try', async () => {
    const error = { type: 'api_error', message: 'Something went wrong on our end.' };
    stripe().fail({ on: 'confirm', when: 'before', how: { status: 500, error, isStored: true } });
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('that is confirmed while the response times out is found captured', async () => {
    stripe().fail({ on: 'confirm', when: 'after', how: 'hang' });
    const { paymentId } = await payment();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(stripe().routes()).toEqual(['create', 'confirm', 'retrieve']);
  });

  test('whose response and lookup are both lost is captured once, also when Stripe has forgotten its keys', async () => {
    stripe().fail(
      { on: 'confirm', when: 'after', how: 'hang' },
      { on: 'retrieve', when: 'before', how: 'hang' },
    );
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    stripe().forgetKeys();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('whose confirmation never reached Stripe is confirmed again, on the same intent', async () => {
    stripe().fail({ on: 'confirm', when: 'before', how: 'hang' });
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('whose connection is reset while it is created makes one intent', async () => {
    stripe().fail(...resets('create', 'after'));
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(captures()).toEqual([1]);
  });

  test('survives one reset connection without anybody noticing', async () => {
    stripe().fail({ on: 'confirm', when: 'after', how: 'reset' });
    const { paymentId } = await payment();
    expect(await charge(paymentId)).toMatchObject({ status: 'captured' });
    expect(captures()).toEqual([1]);
  });

  test('whose intent was forgotten with its key before it was stored is captured once', async () => {
    stripe().fail(...resets('create', 'after'));
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    stripe().forgetKeys();
    expect(await charge(paymentId)).toEqual({ status: 'captured', gatewayRef: 'pi_2' });
    expect(captures()).toEqual([0, 1]);
  });

  test('confirmed by two at once, without keys, is found captured by both', async () => {
    const { paymentId, orderId } = await payment();
    const request = {
      ...CAPTURED_NOW,
      paymentId,
      orderId,
      amountMinor: 5_000,
      currency: 'USD',
      method: 'card',
      token: 'pm_ok',
      gatewayRef: null,
    };
    await gateway().prepare(request);
    const prepared = { ...request, gatewayRef: 'pi_1' };
    const first = await gateway().charge(prepared);
    stripe().forgetKeys();
    expect(await gateway().charge(prepared)).toEqual(first);
    expect(captures()).toEqual([1]);
  });

  test('and its refund go out as Stripe counts the currency', async () => {
    const { paymentId, orderId } = await payment();
    const about = { ...CAPTURED_NOW, paymentId, orderId, currency: 'ISK', amountMinor: 7 };
    await gateway().prepare({ ...about, method: 'card', token: 'pm_ok', gatewayRef: null });
    expect(stripe().intents.get('pi_1')).toMatchObject({ amount: 700 });
    await gateway().charge({ ...about, method: 'card', token: 'pm_ok', gatewayRef: 'pi_1' });
    await gateway().refund({ ...about, refundId: newId(), keyNumber: 1, gatewayRef: 'pi_1', reason: 'test' });
    expect(stripe().refunds).toMatchObject([{ amount: 700 }]);
  });

  test('of which a part cannot be refunded to the last digit takes a refund that was made by hand', async () => {
    const { paymentId, orderId } = await payment();
    const charged = { ...CAPTURED_NOW, paymentId, orderId, currency: 'KWD', amountMinor: 10_010 };
    await gateway().prepare({ ...charged, method: 'card', token: 'pm_ok', gatewayRef: null });
    await gateway().charge({ ...charged, method: 'card', token: 'pm_ok', gatewayRef: 'pi_1' });
    const refundId = newId();
    const about = { refundId, keyNumber: 1, gatewayRef: 'pi_1', reason: 'test' };
    const request = { ...charged, ...about, amountMinor: 5_005 };
    await expect(gateway().refund(request)).rejects.toMatchObject({ code: 'AMOUNT_NOT_CHARGEABLE' });
    expect(stripe().refunds).toEqual([]);
    stripe().refunds.push({
      id: 're_by_hand',
      payment_intent: 'pi_1',
      amount: 5_000,
      status: 'succeeded',
      metadata: { refundId },
    });
    expect(await gateway().refund(request)).toEqual({ status: 'succeeded', gatewayRef: 're_by_hand' });
  });

  test('in a currency that Stripe does not charge is declined, and Stripe is not asked', async () => {
    const { paymentId, orderId } = await payment();
    const request = {
      ...CAPTURED_NOW,
      paymentId,
      orderId,
      currency: 'IRR',
      amountMinor: 7,
      method: 'card',
      token: 'pm_ok',
    };
    expect(await gateway().prepare({ ...request, gatewayRef: null })).toEqual({
      status: 'declined',
      gatewayRef: null,
      declineCode: 'amount_not_chargeable',
    });
    expect(stripe().calls).toEqual([]);
  });

  test.each([
    [401, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
  ])('answered with %i is tried again later', async (status, type) => {
    stripe().fail({ on: 'create', when: 'before', how: { status, error: { type, message: 'Not now.' } } });
    const { paymentId } = await payment();
    await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
    expect(await charge(paymentId)).toMatchObject({ status: 'captured' });
  });

  test('under a key that Stripe knows for another request is never tried again', async () => {
    const { paymentId } = await payment();
    const error = { type: 'idempotency_error', message: 'Keys can only be used with the same request.' };
    stripe().fail({ on: 'create', when: 'before', how: { status: 400, error } });
    await expect(charge(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_KEY_REUSED' });
  });

  test('is not confirmed before its intent is stored', async () => {
    const { paymentId, orderId } = await payment();
    const request = {
      ...CAPTURED_NOW,
      paymentId,
      orderId,
      amountMinor: 5_000,
      currency: 'USD',
      method: 'card',
      token: 'pm_ok',
    };
    await expect(gateway().charge({ ...request, gatewayRef: null })).rejects.toMatchObject({
      code: 'PAYMENT_NOT_PREPARED',
    });
    expect(stripe().calls).toEqual([]);
  });
});
