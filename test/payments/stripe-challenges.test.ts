import type { ChargeRequest } from '../../domain/payments/gateway';
import { newId } from '../../platform/ids';
import { CAPTURED_NOW } from './charge-terms';
import { resets, UNAVAILABLE, useStripe } from './stripe-fixture';

const { stripe, gateway } = useStripe();

const RETURN_URL = 'https://shop.example/thanks?order=1';
const FAILURE = { type: 'api_error', message: 'Something went wrong on our end.' };
const PAGE = { type: 'redirect', url: 'https://hooks.stripe.example/3ds/pi_1' };
const WAITS = { status: 'requires_action', gatewayRef: 'pi_1', nextAction: PAGE };
const NOBODY_THERE = {
  status: 'declined',
  gatewayRef: 'pi_1',
  declineCode: 'authentication_required',
};

async function prepared(changes: Partial<ChargeRequest> = {}): Promise<ChargeRequest> {
  const request = {
    ...CAPTURED_NOW,
    paymentId: newId(),
    orderId: newId(),
    amountMinor: 5_000,
    currency: 'USD',
    method: 'card',
    token: 'pm_challenge',
    gatewayRef: null,
    returnUrl: RETURN_URL,
    ...changes,
  };
  const { gatewayRef } = await gateway().prepare(request);
  return { ...request, gatewayRef };
}

const intent = () => stripe().intent('pi_1');
const paramsOf = (route: string) =>
  stripe()
    .calls.filter((call) => call.route === route)
    .map(({ params }) => Object.fromEntries(params));

describe('a charge that wants the customer', () => {
  test('says where to send them, again and again, until they have authenticated', async () => {
    const charge = await prepared();
    expect(await gateway().charge(charge)).toEqual(WAITS);
    for (let n = 0; n < 2; n++) expect(await gateway().find(charge)).toEqual(WAITS);
    expect(paramsOf('create')[0]).toMatchObject({ 'automatic_payment_methods[allow_redirects]': 'always' });
    expect(paramsOf('confirm')).toEqual([
      { return_url: RETURN_URL, 'expand[0]': 'latest_charge.balance_transaction' },
    ]);
    stripe().authenticate('pi_1', 'succeeded');
    for (let n = 0; n < 2; n++)
      expect(await gateway().find(charge)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(intent().captures).toBe(1);
  });

  test('is authorised where it is captured apart', async () => {
    const charge = await prepared({ captureLater: true });
    expect(await gateway().charge(charge)).toEqual(WAITS);
    stripe().authenticate('pi_1', 'succeeded');
    for (let n = 0; n < 2; n++)
      expect(await gateway().find(charge)).toMatchObject({ status: 'authorized', multicapture: true });
  });

  test('is declined where they fail to authenticate', async () => {
    const charge = await prepared();
    await gateway().charge(charge);
    stripe().authenticate('pi_1', 'failed');
    for (let n = 0; n < 2; n++)
      expect(await gateway().find(charge)).toEqual({
        status: 'declined',
        gatewayRef: 'pi_1',
        declineCode: 'payment_intent_authentication_failure',
      });
  });

  test('is found waiting when the response was lost', async () => {
    const charge = await prepared();
    stripe().fail(...resets('confirm', 'after'));
    await expect(gateway().charge(charge)).rejects.toMatchObject(UNAVAILABLE);
    expect(await gateway().find(charge)).toEqual(WAITS);
  });

  test('is abandoned for good', async () => {
    const charge = await prepared();
    await gateway().charge(charge);
    const abandoned = { status: 'declined', gatewayRef: 'pi_1', declineCode: 'abandoned' };
    for (let n = 0; n < 2; n++) expect(await gateway().abandon(charge)).toEqual(abandoned);
    expect(await gateway().find(charge)).toEqual(abandoned);
    expect(intent()).toMatchObject({ status: 'canceled', captures: 0 });
  });

  test('is abandoned also when the response to that was lost', async () => {
    const charge = await prepared();
    await gateway().charge(charge);
    stripe().fail(...resets('cancel', 'after'));
    await expect(gateway().abandon(charge)).rejects.toMatchObject(UNAVAILABLE);
    expect(await gateway().abandon(charge)).toMatchObject({ declineCode: 'abandoned' });
  });

  test('is captured where the customer was faster than its end', async () => {
    const charge = await prepared();
    await gateway().charge(charge);
    stripe().before.cancel = () => stripe().authenticate('pi_1', 'succeeded');
    await expect(gateway().abandon(charge)).rejects.toMatchObject(UNAVAILABLE);
    expect(await gateway().abandon(charge)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
  });

  test.each([
    ['has no page to send them to', { token: 'pm_challenge_app' }],
    ['has no address where they go on after', { returnUrl: null }],
  ])('is ended and declined where it %s', async (_why, changes) => {
    const charge = await prepared(changes);
    expect(await gateway().charge(charge)).toEqual(NOBODY_THERE);
    expect(intent()).toMatchObject({ status: 'canceled', captures: 0 });
    expect(await gateway().find(charge)).toMatchObject({ status: 'declined' });
  });
});

describe('a later part of an order', () => {
  const later = { offSession: true, customerRef: 'cus_1', token: 'pm_ok' };

  test('is charged off session, with the customer that was made before', async () => {
    const charge = await prepared(later);
    for (let n = 0; n < 2; n++)
      expect(await gateway().charge(charge)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
    expect(intent()).toMatchObject({ customer: 'cus_1', captures: 1 });
    expect(paramsOf('create')[0]).toMatchObject({ 'automatic_payment_methods[allow_redirects]': 'never' });
    expect(paramsOf('confirm')[0]).toEqual({
      off_session: 'true',
      'expand[0]': 'latest_charge.balance_transaction',
    });
    expect(stripe().customers).toEqual([]);
  });

  test('that wants the customer is declined, since nobody is there', async () => {
    const charge = await prepared({ ...later, token: 'pm_challenge' });
    expect(await gateway().charge(charge)).toEqual(NOBODY_THERE);
    for (let n = 0; n < 2; n++) expect(await gateway().find(charge)).toEqual(NOBODY_THERE);
  });
});

describe('an order of which later parts will be charged', () => {
  const keeping = { keepsMethod: true, token: 'pm_ok' };
  const request = async () => ({ ...(await prepared(keeping)), gatewayRef: null });

  test('gets a customer of its own, once, and its method is kept', async () => {
    const charge = await request();
    for (let n = 0; n < 2; n++)
      expect(await gateway().prepare(charge)).toEqual({
        status: 'prepared',
        gatewayRef: 'pi_1',
        customerRef: 'cus_1',
      });
    expect(stripe().customers).toEqual(['cus_1']);
    expect(intent()).toMatchObject({ customer: 'cus_1', setup_future_usage: 'off_session' });
    expect(paramsOf('customer')[0]).toEqual({ 'metadata[orderId]': charge.orderId });
  });

  test('keeps the customer that it has', async () => {
    const charge = { ...(await request()), customerRef: 'cus_before', paymentId: newId() };
    for (let n = 0; n < 2; n++)
      expect(await gateway().prepare(charge)).toEqual({ status: 'prepared', gatewayRef: 'pi_2' });
    expect(stripe().intent('pi_2')).toMatchObject({ customer: 'cus_before' });
    expect(stripe().customers).toHaveLength(1);
  });

  test.each(['before', 'after'] as const)(
    'is prepared again when the connection is cut %s its customer is made',
    async (when) => {
      stripe().fail(...resets('customer', when));
      const charge = {
        ...(await prepared({ token: 'pm_ok' })),
        ...keeping,
        paymentId: newId(),
        gatewayRef: null,
      };
      await expect(gateway().prepare(charge)).rejects.toMatchObject(UNAVAILABLE);
      expect(await gateway().prepare(charge)).toMatchObject({ status: 'prepared', customerRef: 'cus_1' });
      expect(stripe().customers).toEqual(['cus_1']);
    },
  );

  test('is prepared with another customer where Stripe has stored a failure, also when the response to its intent is lost', async () => {
    const charge = {
      ...(await prepared({ token: 'pm_ok' })),
      ...keeping,
      paymentId: newId(),
      gatewayRef: null,
    };
    stripe().fail({ on: 'customer', when: 'before', how: { status: 500, error: FAILURE, isStored: true } });
    await expect(gateway().prepare(charge)).rejects.toMatchObject(UNAVAILABLE);
    stripe().fail(...resets('create', 'after'));
    await expect(gateway().prepare(charge)).rejects.toMatchObject(UNAVAILABLE);
    const again = await gateway().prepare(charge);
    expect(again).toMatchObject({ status: 'prepared', customerRef: 'cus_2' });
    const made = stripe().intent(again.gatewayRef ?? '');
    expect(made).toMatchObject({ customer: 'cus_2', status: 'requires_confirmation' });
  });
});
