import { randomUUID } from 'node:crypto';
import Stripe from 'stripe';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import type { ChargeRequest, ClosableGateway } from '../../domain/payments/gateway';
import { startStripeMock } from '../../platform/embedded/stripe-mock';
import { createLogger } from '../../platform/telemetry/log';
import { CAPTURED_NOW } from './charge-terms';
import { describeWithGo } from '../support/with-go';

/**
 * stripe-mock checks every request against Stripe's own OpenAPI description and answers with fixtures. It keeps no state:
 * this proves that our requests have the right shape, and `stripe-wire.test.ts` what we make of the responses.
 */
const log = createLogger('info', 'test');

let mock: Awaited<ReturnType<typeof startStripeMock>>;
let gateway: ClosableGateway;

beforeAll(async () => {
  mock = await startStripeMock({ log });
  if ('skipped' in mock) throw new Error(mock.skipped);
  gateway = createStripeGateway({
    apiKey: 'sk_test_123',
    apiBase: mock.url,
    timeoutMs: 10_000,
    log: createLogger('silent'),
  });
}, 600_000);

afterAll(async () => {
  await gateway.close();
  if ('stop' in mock) await mock.stop();
});

const charge: ChargeRequest = {
  ...CAPTURED_NOW,
  paymentId: randomUUID(),
  orderId: randomUUID(),
  amountMinor: 1_250,
  currency: 'EUR',
  method: 'card',
  token: 'pm_card_visa',
  gatewayRef: null,
};

describeWithGo('stripe-mock', () => {
  test('Stripe takes the shape of a create, confirm, retrieve and refund', async () => {
    const prepared = await gateway.prepare(charge);
    expect(prepared.status).toBe('prepared');
    expect(prepared.gatewayRef).toMatch(/^pi_/);
    const request = { ...charge, gatewayRef: prepared.gatewayRef };
    // Its fixture is an intent without a payment method, whatever was sent.
    const outcome = {
      status: 'declined',
      gatewayRef: prepared.gatewayRef,
      declineCode: 'payment_method_required',
    };
    expect(await gateway.charge(request)).toEqual(outcome);
    expect(await gateway.find(request)).toEqual(outcome);
    const refund = gateway.refund({
      refundId: randomUUID(),
      keyNumber: 1,
      paymentId: charge.paymentId,
      gatewayRef: prepared.gatewayRef ?? '',
      amountMinor: 250,
      currency: 'EUR',
      reason: 'cancelled',
    });
    expect(await refund).toMatchObject({ gatewayRef: expect.stringMatching(/^re_/) as string });
  });

  test('Stripe takes the shape of a charge that is captured apart, with a customer, and of its captures and void', async () => {
    const later = {
      ...charge,
      paymentId: randomUUID(),
      captureLater: true,
      keepsMethod: true,
      returnUrl: 'https://shop.example/thanks',
    };
    const prepared = await gateway.prepare(later);
    if (prepared.status !== 'prepared') throw new Error(`it was ${prepared.declineCode}`);
    expect(prepared.customerRef).toMatch(/^cus_/);
    const { gatewayRef, customerRef = '' } = prepared;
    // What its fixture is says nothing of the request; a request that is wrong would be declined by its code.
    const declined = { status: 'declined', declineCode: 'payment_method_required' };
    expect(await gateway.charge({ ...later, gatewayRef })).toMatchObject(declined);
    const offSession = { ...later, gatewayRef, customerRef, offSession: true, keepsMethod: false };
    expect((await gateway.prepare({ ...offSession, paymentId: randomUUID() })).status).toBe('prepared');
    expect(await gateway.charge(offSession)).toMatchObject(declined);
    const about = { paymentId: later.paymentId, gatewayRef: gatewayRef ?? '', currency: 'EUR' };
    // Its fixture is not authorised, so a capture ends at that; the void asks to cancel it.
    const capture = { ...about, captureId: randomUUID(), keyNumber: 1, amountMinor: 250, capturedMinor: 0 };
    expect(await gateway.capture({ ...capture, isFinal: false })).toMatchObject({ status: 'failed' });
    expect(await gateway.void({ ...about, capturedMinor: 0 })).toMatchObject({ status: 'voided' });
  });

  test.each([
    { amount_to_capture: 250, final_capture: false },
    { amount_to_capture: 0, final_capture: true },
  ])('Stripe takes a capture of the shape %j', async (params) => {
    const { hostname: host, port } = new URL('skipped' in mock ? '' : mock.url);
    const stripe = new Stripe('sk_test_123', { protocol: 'http', host, port: Number(port) });
    expect((await stripe.paymentIntents.capture('pi_123', params)).id).toMatch(/^pi_/);
  });

  test('Stripe would refuse a shape that is wrong', async () => {
    const prepared = await gateway.prepare({ ...charge, amountMinor: 12.5 });
    expect(prepared).toMatchObject({ status: 'declined', gatewayRef: null });
  });
});
