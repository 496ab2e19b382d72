import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import type { ChargeRequest, ClosableGateway } from '../../domain/payments/types';
import { startStripeMock } from '../../platform/embedded/stripe-mock';
import { createLogger } from '../../platform/telemetry/log';
import { CAPTURED_NOW } from './charge-terms';

/**
 * stripe-mock checks every request against Stripe's own OpenAPI description and answers with fixtures. It keeps no state:
 * this proves that our requests have the right shape, and `stripe-wire.test.ts` what we make of the responses.
 */
const log = createLogger('info', 'test');

/** stripe-mock is built with Go: without it these tests are skipped, and reported as skipped. */
const describeWithGo = spawnSync('go', ['version']).status === 0 ? describe : describe.skip;

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

  test('Stripe would refuse a shape that is wrong', async () => {
    const prepared = await gateway.prepare({ ...charge, amountMinor: 12.5 });
    expect(prepared).toMatchObject({ status: 'declined', gatewayRef: null });
  });
});
