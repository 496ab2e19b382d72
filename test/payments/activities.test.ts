import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createPaymentActivities } from '../../activities/payments';
import { createSandboxGateway } from '../../domain/payments/sandbox-gateway';
import type { ClosableGateway } from '../../domain/payments/types';
import {
  eventTypes,
  insertOrder,
  insertPayment,
  log,
  openPaymentsDatabase,
  type PaymentsDatabase,
  readPayment,
  readSandboxBooks,
  setCaptured,
} from './orders';

const SLOW_MS = 1_300;

let database: PaymentsDatabase;
let gateway: ClosableGateway;
let activities: ReturnType<typeof createPaymentActivities>;

beforeAll(async () => {
  database = await openPaymentsDatabase();
  gateway = createSandboxGateway({
    url: database.url,
    log: log,
    callTimeoutMs: 5_000,
    slowMs: SLOW_MS,
  });
  activities = createPaymentActivities({ db: database.db, gateway });
});

afterAll(async () => {
  await gateway.close();
  await database.close();
});

test('chargePayment answers the same twice and charges once', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db));
  const first = await run(activities.chargePayment, paymentId);
  expect(first).toMatchObject({ status: 'captured' });
  expect(await run(activities.chargePayment, paymentId)).toEqual(first);
  expect((await readSandboxBooks(database.db, [paymentId])).charges).toHaveLength(1);
});

test('refundOrder answers the same twice and refunds once', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order);
  const outcome = await run(activities.chargePayment, paymentId);
  await setCaptured(database.db, paymentId, outcome.status === 'captured' ? outcome.gatewayRef : '');
  const input = { orderId: order.orderId, reason: 'cancelled' };
  expect(await run(activities.refundOrder, input)).toEqual({ refundedMinor: 5_000 });
  expect(await run(activities.refundOrder, input)).toEqual({ refundedMinor: 5_000 });
  expect((await readSandboxBooks(database.db, [paymentId])).refundedMinor).toBe(5_000);
});

test('markPaymentUnknown changes a pending payment once', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order);
  await run(activities.markPaymentUnknown, paymentId);
  await run(activities.markPaymentUnknown, paymentId);
  expect(await readPayment(database.db, paymentId)).toMatchObject({ status: 'unknown' });
  expect(await eventTypes(database.db, order.orderId)).toEqual(['payment_unknown']);
});

test('a gateway without an answer is a failure that Temporal retries', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db), { token: 'tok_flaky' });
  await expect(run(activities.chargePayment, paymentId)).rejects.toMatchObject({
    type: 'PAYMENT_GATEWAY_UNAVAILABLE',
    nonRetryable: false,
  });
});

test('a payment that does not exist is a failure that no retry can mend', async () => {
  await expect(run(activities.chargePayment, randomUUID())).rejects.toMatchObject({
    type: 'PAYMENT_NOT_FOUND',
    nonRetryable: true,
  });
});

test('a slow charge sends heartbeats while it waits', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db), { token: 'tok_slow' });
  const environment = activityEnvironment();
  let beats = 0;
  environment.on('heartbeat', () => (beats += 1));
  expect(await environment.run(activities.chargePayment, paymentId)).toMatchObject({ status: 'captured' });
  expect(beats).toBeGreaterThanOrEqual(1);
});

test('a cancelled charge ends at once, and what became of it is found later', async () => {
  const paymentId = await insertPayment(database.db, await insertOrder(database.db), { token: 'tok_slow' });
  const environment = activityEnvironment();
  const running = environment.run(activities.chargePayment, paymentId);
  const started = Date.now();
  environment.cancel();
  await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
  expect(Date.now() - started).toBeLessThan(SLOW_MS);

  const deadline = Date.now() + 10_000;
  let outcome = await run(activities.chargePayment, paymentId);
  while (outcome.status === 'unknown' && Date.now() < deadline) {
    outcome = await run(activities.chargePayment, paymentId);
  }
  expect(outcome).toMatchObject({ status: 'captured' });
  expect((await readSandboxBooks(database.db, [paymentId])).charges).toHaveLength(1);
});

function run<Input, Output>(activity: (input: Input) => Promise<Output>, input: Input): Promise<Output> {
  return activityEnvironment().run(activity, input);
}

function activityEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}
