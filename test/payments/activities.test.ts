import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createPaymentActivities, type PaymentActivities } from '../../activities/payments';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { ChargeOutcome, ClosableGateway } from '../../domain/payments/types';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { insertOrder, insertPayment, readSandboxBooks, setCaptured } from './orders';

const SLOW_MS = 1_300;

const log = testLogger();
let database: TestShop;
let gateway: ClosableGateway;
let activities: PaymentActivities;

beforeAll(async () => {
  database = await openTestShop();
  gateway = createSandboxGateway({
    url: database.url,
    log,
    callTimeoutMs: 5_000,
    slowMs: SLOW_MS,
  });
  activities = createPaymentActivities({ db: database.db, gateway });
});

afterAll(async () => {
  await gateway.close();
  await database.close();
});

test('chargePayment returns the same twice and charges once', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db));
  const first = await charge(paymentId);
  expect(first).toMatchObject({ status: 'captured' });
  expect(await charge(paymentId)).toEqual(first);
  expect((await readSandboxBooks(database.db, [paymentId])).charges).toHaveLength(1);
});

test('refundOrder returns the same twice and refunds once', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order);
  const outcome = await charge(paymentId);
  await setCaptured(database.db, paymentId, outcome.status === 'captured' ? outcome.gatewayRef : '');
  expect(await refund(order.orderId)).toEqual({ refundedMinor: 5_000 });
  expect(await refund(order.orderId)).toEqual({ refundedMinor: 5_000 });
  expect((await readSandboxBooks(database.db, [paymentId])).refundedMinor).toBe(5_000);
});

test('a gateway without a response is a failure that Temporal retries', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db), { token: 'tok_flaky' });
  await expect(charge(paymentId)).rejects.toMatchObject({
    type: 'PAYMENT_GATEWAY_UNAVAILABLE',
    nonRetryable: false,
  });
});

test('a payment that does not exist is a failure that no retry can mend', async () => {
  await expect(charge(randomUUID())).rejects.toMatchObject({
    type: 'PAYMENT_NOT_FOUND',
    nonRetryable: true,
  });
});

test('a slow charge sends heartbeats while it waits', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db), { token: 'tok_slow' });
  const environment = activityEnvironment();
  let beats = 0;
  environment.on('heartbeat', () => (beats += 1));
  expect(await charge(paymentId, environment)).toMatchObject({ status: 'captured' });
  expect(beats).toBeGreaterThanOrEqual(1);
});

test('a cancelled charge ends at once, and what became of it is found later', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db), { token: 'tok_slow' });
  const environment = activityEnvironment();
  const running = charge(paymentId, environment);
  const started = Date.now();
  environment.cancel();
  await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
  expect(Date.now() - started).toBeLessThan(SLOW_MS);

  const outcome = await waitFor(async () => {
    const found = await charge(paymentId);
    return found.status !== 'unknown' && found;
  });
  expect(outcome).toMatchObject({ status: 'captured' });
  expect((await readSandboxBooks(database.db, [paymentId])).charges).toHaveLength(1);
});

function charge(paymentId: string, environment = activityEnvironment()): Promise<ChargeOutcome> {
  return environment.run((id: string) => activities.chargePayment(id), paymentId);
}

function refund(orderId: string): Promise<{ refundedMinor: number }> {
  const request = { orderId, reason: 'cancelled' };
  return activityEnvironment().run((input: typeof request) => activities.refundOrder(input), request);
}

function activityEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}
