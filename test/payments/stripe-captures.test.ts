import { newId } from '../../platform/ids';
import type { Fault } from './scripted-stripe';
import { captureOf, request, useAuthorized } from './stripe-authorized';
import { resets, UNAVAILABLE } from './stripe-fixture';
import { CAPTURE_BEFORE } from './stripe-state';

const { stripe, gateway, authorized, voided, intent, captures } = useAuthorized();

const FAILURE = { type: 'api_error', message: 'Something went wrong on our end.' };
/** Nothing more can be captured of a charge of which so much was in all; null: more can be. */
const succeeded = (endedMinor: number | null) => ({ status: 'succeeded', gatewayRef: 'ch_1', endedMinor });
const SUCCEEDED = succeeded(null);
const EXPANDED = { 'expand[0]': 'latest_charge.balance_transaction' };

describe('an authorisation', () => {
  test('is asked for by manual capture, in parts where the card allows it, and says until when it holds', async () => {
    const { charge, outcome } = await authorized();
    expect(outcome).toEqual({
      status: 'authorized',
      gatewayRef: 'pi_1',
      multicapture: true,
      captureBefore: new Date(CAPTURE_BEFORE * 1_000),
    });
    expect(Object.fromEntries(stripe().calls[0]!.params)).toMatchObject({
      capture_method: 'manual',
      'payment_method_options[card][request_multicapture]': 'if_available',
    });
    expect(await gateway().charge(charge)).toEqual(outcome);
    expect(await gateway().find(charge)).toEqual(outcome);
    expect(await gateway().abandon(charge)).toEqual(outcome);
    expect(intent()).toMatchObject({ status: 'requires_capture', captures: 0 });
  });

  test.each([null, 'https://shop.example/thanks'])(
    'is of a card alone, since of any other method nobody knows until when it holds: return address %s',
    async (returnUrl) => {
      await authorized({ returnUrl });
      expect(stripe().calls[0]!.params.getAll('allowed_payment_method_types[0]')).toEqual(['card']);
      expect(stripe().calls[0]!.params.has('allowed_payment_method_types[1]')).toBe(false);
      const charge = request({ token: 'pm_sepa', returnUrl });
      expect(await gateway().prepare(charge)).toEqual({
        status: 'declined',
        gatewayRef: null,
        declineCode: 'payment_intent_incompatible_payment_method',
      });
      expect(await gateway().prepare({ ...charge, paymentId: newId(), captureLater: false })).toMatchObject({
        status: 'prepared',
      });
    },
  );

  test('of a card without multicapture says so', async () => {
    expect((await authorized({ token: 'pm_single' })).outcome).toMatchObject({ multicapture: false });
  });

  test('whose response was lost is found', async () => {
    const charge = request();
    const { gatewayRef } = await gateway().prepare(charge);
    stripe().fail(...resets('confirm', 'after'));
    await expect(gateway().charge({ ...charge, gatewayRef })).rejects.toMatchObject(UNAVAILABLE);
    expect(await gateway().find({ ...charge, gatewayRef })).toMatchObject({ status: 'authorized' });
  });

  test('that has lapsed before anybody heard of it is declined', async () => {
    const { charge } = await authorized();
    stripe().lapse('pi_1');
    for (let n = 0; n < 2; n++)
      expect(await gateway().find(charge)).toMatchObject({ status: 'declined', declineCode: 'canceled' });
  });
});

describe('a capture', () => {
  test('in parts takes each part once, and the last one ends the charge', async () => {
    const { charge } = await authorized();
    const first = captureOf(charge, { amountMinor: 2_000, isFinal: false });
    const last = captureOf(charge, { amountMinor: 1_000, capturedMinor: 2_000 });
    for (let n = 0; n < 2; n++) expect(await gateway().capture(first)).toEqual(SUCCEEDED);
    expect(intent()).toMatchObject({ status: 'requires_capture', amount_received: 2_000 });
    for (let n = 0; n < 2; n++) expect(await gateway().capture(last)).toEqual(succeeded(3_000));
    expect(intent()).toMatchObject({ status: 'succeeded', amount_received: 3_000, captures: 2 });
    expect(captures()).toEqual([
      { key: first.captureId, amount_to_capture: '2000', final_capture: 'false', ...EXPANDED },
      { key: last.captureId, amount_to_capture: '1000', ...EXPANDED },
    ]);
    expect(await gateway().find(charge)).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
  });

  test('has the time at which Stripe has booked it, also where it is found later', async () => {
    const { charge } = await authorized();
    stripe().bookingTimes.push(1_750_000_000, 1_750_086_400, 1_750_172_800);
    const at = (seconds: number) => ({ at: new Date(seconds * 1_000) });
    const first = captureOf(charge, { amountMinor: 2_000, isFinal: false });
    const second = captureOf(charge, { amountMinor: 2_000, capturedMinor: 2_000, isFinal: false });
    const third = captureOf(charge, { amountMinor: 500, capturedMinor: 4_000 });
    expect(await gateway().capture(first)).toEqual({ ...SUCCEEDED, ...at(1_750_000_000) });
    expect(stripe().routes()).not.toContain('transactions');
    expect(await gateway().capture(second)).toEqual({ ...SUCCEEDED, ...at(1_750_086_400) });
    expect(await gateway().capture(third)).toEqual({ ...succeeded(4_500), ...at(1_750_172_800) });
    stripe().forgetKeys();
    expect(await gateway().capture(second)).toEqual({ ...succeeded(4_500), ...at(1_750_086_400) });
    expect(await gateway().capture(first)).toEqual({ ...succeeded(4_500), ...at(1_750_000_000) });
  });

  test('is made, without a time, where that cannot be read, or is kept in another currency', async () => {
    const { charge } = await authorized();
    stripe().bookingTimes.push(1_750_000_000, 1_750_086_400);
    await gateway().capture(captureOf(charge, { amountMinor: 2_000, isFinal: false }));
    const last = captureOf(charge, { amountMinor: 1_000, capturedMinor: 2_000 });
    stripe().fail({ on: 'transactions', when: 'before', how: 'hang' });
    expect(await gateway().capture(last)).toEqual(succeeded(3_000));
    for (const transaction of stripe().transactions) transaction.currency = 'eur';
    expect(await gateway().capture(last)).toEqual(succeeded(3_000));
  });

  test('of a card without multicapture takes what it is asked for and ends the charge', async () => {
    const { charge } = await authorized({ token: 'pm_single' });
    const capture = captureOf(charge, { amountMinor: 4_000 });
    for (let n = 0; n < 2; n++) expect(await gateway().capture(capture)).toEqual(succeeded(4_000));
    expect(intent()).toMatchObject({ status: 'succeeded', amount_received: 4_000, captures: 1 });
  });

  test('goes out as Stripe counts the currency, and is counted as we do', async () => {
    const { charge } = await authorized({ currency: 'ISK', amountMinor: 70 });
    const capture = captureOf(charge, { amountMinor: 30, isFinal: false });
    expect(await gateway().capture(capture)).toEqual(SUCCEEDED);
    expect(intent()).toMatchObject({ amount: 7_000, amount_received: 3_000 });
    expect(await gateway().capture(capture)).toEqual(SUCCEEDED);
    expect(await voided(charge, 30)).toEqual({ status: 'voided', capturedMinor: 30 });
  });

  test('of an amount that Stripe cannot take has failed, and Stripe is not asked', async () => {
    const { charge } = await authorized({ currency: 'KWD', amountMinor: 10_010 });
    const capture = captureOf(charge, { amountMinor: 5_005, isFinal: false });
    for (let n = 0; n < 2; n++)
      expect(await gateway().capture(capture)).toEqual({
        status: 'failed',
        reason: 'Stripe charges KWD to two decimals only.',
      });
    expect(captures()).toEqual([]);
  });

  test.each(['before', 'after'] as const)(
    'is made once when the connection is cut %s Stripe has made it, also when Stripe has forgotten its key',
    async (when) => {
      const { charge } = await authorized();
      const capture = captureOf(charge, { amountMinor: 2_000, isFinal: false });
      stripe().fail(...resets('capture', when));
      await expect(gateway().capture(capture)).rejects.toMatchObject(UNAVAILABLE);
      stripe().forgetKeys();
      for (let n = 0; n < 2; n++) expect(await gateway().capture(capture)).toEqual(SUCCEEDED);
      expect(intent()).toMatchObject({ amount_received: 2_000, captures: 1 });
    },
  );

  test('for which money of another one is found says that the charge has not ended, until that is voided', async () => {
    const { charge } = await authorized();
    // Its response was lost, and a person has said what was done instead.
    await gateway().capture(captureOf(charge, { amountMinor: 500, isFinal: false }));
    const last = captureOf(charge, { amountMinor: 300 });
    expect(await gateway().capture(last)).toEqual(SUCCEEDED);
    expect(intent()).toMatchObject({ status: 'requires_capture', amount_received: 500, captures: 1 });
    expect(await voided(charge, 300)).toEqual({ status: 'voided', capturedMinor: 500 });
    expect(await gateway().capture(last)).toEqual(succeeded(500));
  });

  test('is not made while the charge cannot be read', async () => {
    const { charge } = await authorized();
    stripe().fail({ on: 'retrieve', when: 'before', how: 'hang' });
    await expect(gateway().capture(captureOf(charge))).rejects.toMatchObject(UNAVAILABLE);
    expect(captures()).toEqual([]);
  });

  test('asked for by two at once is made once', async () => {
    const { charge } = await authorized();
    const capture = captureOf(charge, { amountMinor: 2_000, isFinal: false });
    const both = await Promise.all([gateway().capture(capture), gateway().capture(capture)]);
    expect(both).toEqual([SUCCEEDED, SUCCEEDED]);
    expect(intent()).toMatchObject({ amount_received: 2_000, captures: 1 });
  });

  test('whose key Stripe has spent on a failure of its own is made under the next number', async () => {
    const { charge } = await authorized();
    const capture = captureOf(charge);
    const stored: Fault = {
      on: 'capture',
      when: 'before',
      how: { status: 500, error: FAILURE, isStored: true },
    };
    stripe().fail(stored);
    // The first response does not say that it is stored.
    await expect(gateway().capture(capture)).rejects.toMatchObject(UNAVAILABLE);
    for (let n = 0; n < 2; n++)
      expect(await gateway().capture(capture)).toEqual({
        status: 'key_spent',
        reason: expect.stringContaining('Stripe has stored a failure') as string,
      });
    for (let n = 0; n < 2; n++)
      expect(await gateway().capture({ ...capture, keyNumber: 2 })).toEqual(succeeded(5_000));
    expect(captures().map(({ key }) => key)).toEqual([
      ...Array.from({ length: 3 }, () => capture.captureId),
      `${capture.captureId}:2`,
    ]);
    expect(intent()).toMatchObject({ amount_received: 5_000, captures: 1 });
  });

  test('that was made although Stripe has stored a failure for its key is found, not made again', async () => {
    const { charge } = await authorized();
    const capture = captureOf(charge, { amountMinor: 2_000, isFinal: false });
    stripe().fail({ on: 'capture', when: 'before', how: { status: 500, error: FAILURE, isStored: true } });
    await expect(gateway().capture(capture)).rejects.toMatchObject(UNAVAILABLE);
    // Not to be seen when it is first looked at, and there when the stored failure has come back.
    stripe().before.capture = () => {
      Object.assign(intent(), { amount_received: 2_000, amount_capturable: 3_000, captures: 1 });
    };
    for (let n = 0; n < 2; n++) expect(await gateway().capture(capture)).toEqual(SUCCEEDED);
    expect(intent()).toMatchObject({ captures: 1 });
  });

  test('that has become the last one since a try that failed takes the next number of its key', async () => {
    const { charge } = await authorized();
    const capture = captureOf(charge, { amountMinor: 2_000, isFinal: false });
    stripe().fail({ on: 'capture', when: 'before', how: { status: 500, error: FAILURE, isStored: true } });
    await expect(gateway().capture(capture)).rejects.toMatchObject(UNAVAILABLE);
    for (let n = 0; n < 2; n++)
      expect(await gateway().capture({ ...capture, isFinal: true })).toMatchObject({ status: 'key_spent' });
    expect(await gateway().capture({ ...capture, isFinal: true, keyNumber: 2 })).toEqual(succeeded(2_000));
    expect(intent()).toMatchObject({ status: 'succeeded', amount_received: 2_000, captures: 1 });
  });

  test('whose key is in use at Stripe at that moment is asked for again', async () => {
    const { charge } = await authorized();
    const error = { type: 'idempotency_error', code: 'idempotency_key_in_use', message: 'Wait.' };
    stripe().fail({ on: 'capture', when: 'before', how: { status: 409, error } });
    const capture = captureOf(charge);
    await expect(gateway().capture(capture)).rejects.toMatchObject(UNAVAILABLE);
    expect(await gateway().capture(capture)).toEqual(succeeded(5_000));
  });

  test.each([
    ['the issuer', 'pm_capture_declined', 'do_not_honor'],
    ['Stripe', 'pm_ok', 'amount_too_large'],
  ])('that %s refuses has failed, and says why without words of Stripe', async (_who, token, code) => {
    const { charge } = await authorized({ token });
    const capture = captureOf(charge, { amountMinor: 5_001 });
    for (let n = 0; n < 2; n++)
      expect(await gateway().capture(capture)).toEqual({
        status: 'failed',
        reason: `Stripe refused it: ${code}.`,
      });
    expect(intent()).toMatchObject({ status: 'requires_capture', captures: 0 });
  });

  test('of an authorisation that has lapsed has failed', async () => {
    const { charge } = await authorized();
    stripe().lapse('pi_1');
    for (let n = 0; n < 2; n++)
      expect(await gateway().capture(captureOf(charge))).toEqual({
        status: 'failed',
        reason:
          'Stripe says that the charge is canceled (automatic): 0 USD minor units are captured, and nothing more can be.',
        isGone: true,
      });
    expect(captures()).toEqual([]);
  });

  test('that is overtaken by the end of the authorisation has failed', async () => {
    const { charge } = await authorized();
    stripe().before.capture = () => stripe().lapse('pi_1');
    expect(await gateway().capture(captureOf(charge))).toMatchObject({ status: 'failed' });
  });
});
