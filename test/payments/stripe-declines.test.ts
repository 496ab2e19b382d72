import { abandonReservation } from './orders';
import { resets, UNAVAILABLE, useStripe } from './stripe-fixture';

const { stripe, db, payment, charge, captures } = useStripe();

describe('a charge', () => {
  test('refused by the card is declined with the code of the issuer, also when it is asked again', async () => {
    const { paymentId } = await payment('pm_declined');
    const declined = { status: 'declined', gatewayRef: 'pi_1', declineCode: 'insufficient_funds' };
    expect(await charge(paymentId)).toEqual(declined);
    expect(await charge(paymentId)).toEqual(declined);
    expect(stripe().routes()).toEqual(['create', 'confirm', 'retrieve']);
  });

  test('whose decline was lost is found declined', async () => {
    stripe().fail(...resets('confirm', 'after'));
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
    stripe().finish('pi_1', end);
    expect(await charge(paymentId)).toEqual(outcome);
    expect(
      stripe()
        .routes()
        .filter((route) => route === 'confirm'),
    ).toHaveLength(1);
  });

  test('that wants the customer is ended and declined, since there is no customer to ask', async () => {
    const { paymentId } = await payment('pm_challenge');
    const declined = { status: 'declined', gatewayRef: 'pi_1', declineCode: 'authentication_required' };
    expect(await charge(paymentId)).toEqual(declined);
    expect(stripe().intents.get('pi_1')).toMatchObject({ status: 'canceled', captures: 0 });
    expect(stripe().calls[1]!.params.get('error_on_requires_action')).toBe('true');
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
    stripe().fail({ on: 'confirm', when: 'before', how: { status: 400, error } });
    const { paymentId } = await payment();
    expect(await charge(paymentId)).toMatchObject({
      status: 'declined',
      declineCode: 'payment_method_unactivated',
    });
    expect(stripe().intents.get('pi_1')).toMatchObject({ status: 'canceled' });
  });

  test.each([
    ['create', 'pi_none', null],
    ['confirm', 'canceled', 'pi_1'],
  ] as const)(
    'lost at its %s is ended, not made, once its reservation was given up',
    async (route, status, gatewayRef) => {
      stripe().fail(...resets(route, 'before'));
      const { paymentId, reservationId } = await payment();
      await expect(charge(paymentId)).rejects.toMatchObject(UNAVAILABLE);
      await abandonReservation(db(), reservationId);
      expect(await charge(paymentId)).toEqual({ status: 'declined', gatewayRef, declineCode: 'abandoned' });
      expect(stripe().intents.get('pi_1')?.status ?? 'pi_none').toBe(status);
    },
  );

  test('whose hold is given up while its intent is created is not confirmed', async () => {
    const { paymentId, reservationId } = await payment();
    stripe().onCreate = () => abandonReservation(db(), reservationId);
    expect(await charge(paymentId)).toEqual({ status: 'unknown' });
    expect(await charge(paymentId)).toEqual({
      status: 'declined',
      gatewayRef: null,
      declineCode: 'abandoned',
    });
    expect(captures()).toEqual([0]);
  });
});
