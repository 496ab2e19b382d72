import { newId } from '../../platform/ids';
import { captureOf, useAuthorized } from './stripe-authorized';
import { resets, UNAVAILABLE } from './stripe-fixture';

const { stripe, gateway, authorized, voided, intent, captures } = useAuthorized();

describe('a void', () => {
  test('of a charge that nothing was captured of cancels it, once', async () => {
    const { charge } = await authorized();
    for (let n = 0; n < 2; n++) expect(await voided(charge)).toEqual({ status: 'voided', capturedMinor: 0 });
    expect(intent()).toMatchObject({ status: 'canceled', captures: 0 });
    expect(
      stripe()
        .routes()
        .filter((route) => route === 'cancel'),
    ).toHaveLength(1);
  });

  test('of a charge that is captured in part captures nothing for the last time', async () => {
    const { charge } = await authorized();
    await gateway().capture(captureOf(charge, { amountMinor: 2_000, isFinal: false }));
    for (let n = 0; n < 2; n++)
      expect(await voided(charge, 2_000)).toEqual({ status: 'voided', capturedMinor: 2_000 });
    expect(captures().at(-1)).toMatchObject({ amount_to_capture: '0', final_capture: 'true' });
    expect(intent()).toMatchObject({ status: 'succeeded', amount_received: 2_000, captures: 1 });
  });

  test.each([
    [0, 'cancel', 'before'],
    [0, 'cancel', 'after'],
    [2_000, 'capture', 'before'],
    [2_000, 'capture', 'after'],
  ] as const)(
    'with %i captured, of which the connection is cut at its %s %s it is made, is made',
    async (captured, route, when) => {
      const { charge } = await authorized();
      if (captured > 0) await gateway().capture(captureOf(charge, { amountMinor: captured, isFinal: false }));
      stripe().fail(...resets(route, when));
      await expect(voided(charge, captured)).rejects.toMatchObject(UNAVAILABLE);
      stripe().forgetKeys();
      for (let n = 0; n < 2; n++)
        expect(await voided(charge, captured)).toEqual({ status: 'voided', capturedMinor: captured });
      expect(intent()).toMatchObject({ amount_capturable: 0, amount_received: captured });
    },
  );

  test.each([0, 2_000])(
    'of an authorisation that has lapsed with %i captured finds that out',
    async (captured) => {
      const { charge } = await authorized();
      if (captured > 0) await gateway().capture(captureOf(charge, { amountMinor: captured, isFinal: false }));
      stripe().lapse('pi_1');
      for (let n = 0; n < 2; n++)
        expect(await voided(charge, captured)).toEqual({ status: 'voided', capturedMinor: captured });
    },
  );

  test('of a charge that is captured whole meanwhile says how much', async () => {
    const { charge } = await authorized();
    stripe().before.cancel = () =>
      Object.assign(intent(), { status: 'succeeded', amount_received: 5_000, amount_capturable: 0 });
    expect(await voided(charge)).toEqual({ status: 'voided', capturedMinor: 5_000 });
  });

  test('that is overtaken by a capture of a part is made by the next try', async () => {
    const { charge } = await authorized();
    stripe().before.cancel = () =>
      Object.assign(intent(), { amount_received: 2_000, amount_capturable: 3_000 });
    await expect(voided(charge)).rejects.toMatchObject(UNAVAILABLE);
    expect(await voided(charge)).toEqual({ status: 'voided', capturedMinor: 2_000 });
    expect(intent()).toMatchObject({ status: 'succeeded' });
  });

  test('leaves to refunds what was captured, and no more', async () => {
    const { charge } = await authorized();
    await gateway().capture(captureOf(charge, { amountMinor: 2_000 }));
    const { paymentId, currency } = charge;
    const refund = { paymentId, currency, keyNumber: 1, gatewayRef: 'pi_1', reason: 'test' };
    expect(await gateway().refund({ ...refund, refundId: newId(), amountMinor: 2_001 })).toEqual({
      status: 'failed',
      gatewayRef: null,
      reason:
        'Stripe refused it: StripeInvalidRequestError. Of its charge 2000 USD minor units are left at Stripe.',
    });
    expect(await gateway().refund({ ...refund, refundId: newId(), amountMinor: 2_000 })).toMatchObject({
      status: 'succeeded',
    });
  });
});
