import { randomUUID } from 'node:crypto';
import { executeCharge, markUnknown } from '../../domain/payments/charge';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { ChargeOutcome, ClosableGateway } from '../../domain/payments/gateway';
import { eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import {
  abandonReservation,
  insertOrder,
  insertPayment,
  type PaymentSeed,
  readPayment,
  readSandboxBooks,
} from './orders';
import { CAPTURED_NOW } from './charge-terms';

/** Nothing listens on port 1. */
const NOWHERE = 'postgresql://postgres@127.0.0.1:1/none';

const log = testLogger();
let database: TestShop;
let gateway: ClosableGateway;
let unreachable: ClosableGateway;

beforeAll(async () => {
  database = await openTestShop();
  gateway = createSandboxGateway({ url: database.url, log, callTimeoutMs: 100, slowMs: 500 });
  unreachable = createSandboxGateway({ url: NOWHERE, log, callTimeoutMs: 100 });
});

afterAll(async () => {
  await Promise.all([gateway.close(), unreachable.close()]);
  await database.close();
});

async function payment(seed: PaymentSeed = {}): Promise<string> {
  return insertPayment(database.db, await insertOrder(database.db), seed);
}

function charge(paymentId: string, at = gateway): Promise<ChargeOutcome> {
  return executeCharge({ db: database.db, gatewayNamed: onlyGateway(at).named, paymentId });
}

async function calls(paymentId: string): Promise<number[]> {
  return (await readSandboxBooks(database.db, [paymentId])).charges.map((made) => made.calls);
}

test('a charge is captured, and again gets the same result without another call', async () => {
  const paymentId = await payment();
  const first = await charge(paymentId);
  expect(first).toMatchObject({ status: 'captured' });
  expect(await charge(paymentId)).toEqual(first);
  expect(await calls(paymentId)).toEqual([1]);
  expect(await readPayment(database.db, paymentId)).toMatchObject({ status: 'pending' });
});

test('a declined charge stays declined and is not sent again', async () => {
  const paymentId = await payment({ token: 'tok_insufficient_funds' });
  const first = await charge(paymentId);
  expect(first).toMatchObject({ status: 'declined', declineCode: 'insufficient_funds' });
  expect(await charge(paymentId)).toEqual(first);
  expect(await calls(paymentId)).toEqual([1]);
});

test('a lost response is looked up at once', async () => {
  const paymentId = await payment({ token: 'tok_timeout' });
  const first = await charge(paymentId);
  expect(first).toMatchObject({ status: 'captured' });
  expect(await charge(paymentId)).toEqual(first);
  expect(await calls(paymentId)).toEqual([1]);
});

test('a charge that the network swallowed may be sent again under the same key', async () => {
  const paymentId = await payment({ token: 'tok_flaky' });
  for (let attempt = 1; attempt <= 2; attempt++) {
    await expect(charge(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
  }
  expect(await charge(paymentId)).toMatchObject({ status: 'captured' });
  expect(await calls(paymentId)).toEqual([3]);
});

test('a slow charge is unknown, is never sent anew, and ends as captured', async () => {
  const paymentId = await payment({ token: 'tok_slow' });
  expect(await charge(paymentId)).toEqual({ status: 'unknown' });
  await markUnknown(database.db, paymentId, 'no outcome yet');
  const outcome = await waitFor(async () => {
    const found = await charge(paymentId);
    return found.status !== 'unknown' && found;
  });
  expect(outcome).toMatchObject({ status: 'captured' });
  expect(await calls(paymentId)).toEqual([1]);
});

test('a charge that a dead process had sent is found, not sent again', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order, { amountMinor: 700 });
  const sent = await gateway.charge({
    ...CAPTURED_NOW,
    paymentId,
    orderId: order.orderId,
    amountMinor: 700,
    currency: 'USD',
    method: 'card',
    token: 'tok_ok',
    gatewayRef: null,
  });
  expect(await charge(paymentId)).toEqual(sent);
  expect(await calls(paymentId)).toEqual([1]);
});

test('run by many at once it is one charge', async () => {
  const paymentId = await payment();
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => charge(paymentId)));
  expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
  expect((await readSandboxBooks(database.db, [paymentId])).charges).toHaveLength(1);
});

test('a gateway that is away leaves nothing behind and is asked again later', async () => {
  const paymentId = await payment();
  await expect(charge(paymentId, unreachable)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
  expect(await charge(paymentId)).toMatchObject({ status: 'captured' });
});

test('an order that costs nothing is captured without a gateway', async () => {
  const paymentId = await payment({ amountMinor: 0 });
  expect(await charge(paymentId, unreachable)).toEqual({ status: 'captured', gatewayRef: 'none' });
  expect(await charge(paymentId, unreachable)).toEqual({ status: 'captured', gatewayRef: 'none' });
});

test.each<[PaymentSeed, ChargeOutcome]>([
  [
    { status: 'captured', gatewayRef: 'ch_1' },
    { status: 'captured', gatewayRef: 'ch_1' },
  ],
  [
    { status: 'refunded', gatewayRef: 'ch_2' },
    { status: 'captured', gatewayRef: 'ch_2' },
  ],
  [
    { status: 'partially_refunded', gatewayRef: 'ch_3' },
    { status: 'captured', gatewayRef: 'ch_3' },
  ],
  [
    { status: 'declined', gatewayRef: 'ch_4', declineCode: 'card_declined' },
    { status: 'declined', gatewayRef: 'ch_4', declineCode: 'card_declined' },
  ],
])('a settled payment answers from its row: %j', async (seed, outcome) => {
  expect(await charge(await payment(seed), unreachable)).toEqual(outcome);
});

test('a charge that never got through is not made any more once its reservation was given up', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order, { token: 'tok_flaky' });
  await expect(charge(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
  await abandonReservation(database.db, order.reservationId);
  const abandoned = await charge(paymentId);
  expect(abandoned).toMatchObject({ status: 'declined', declineCode: 'abandoned' });
  expect(await charge(paymentId)).toEqual(abandoned);
  // A process that was paused before it sent its charge wakes up.
  const late = { ...CAPTURED_NOW, paymentId, orderId: order.orderId, amountMinor: 5_000, currency: 'USD' };
  expect(await gateway.charge({ ...late, method: 'card', token: 'tok_flaky', gatewayRef: null })).toEqual(
    abandoned,
  );
});

test('a charge that was never sent is not sent once its reservation was given up', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order);
  await abandonReservation(database.db, order.reservationId);
  expect(await charge(paymentId)).toMatchObject({ status: 'declined', declineCode: 'abandoned' });
  expect((await readSandboxBooks(database.db, [paymentId])).charges).toMatchObject([{ status: 'declined' }]);
});

test('a charge that was captured before its reservation was given up is reported as captured, so that it is refunded', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order);
  const captured = await charge(paymentId);
  await abandonReservation(database.db, order.reservationId);
  expect(await charge(paymentId)).toEqual(captured);
});

test('a payment of another gateway is not charged at this one', async () => {
  const paymentId = await payment({ gateway: 'stripe' });
  await expect(charge(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_CHANGED' });
  expect(await calls(paymentId)).toEqual([]);
});

test('a payment that does not exist is refused', async () => {
  await expect(charge(randomUUID())).rejects.toMatchObject({ code: 'PAYMENT_NOT_FOUND' });
});

test('a pending payment becomes unknown once, with one event; a settled one is left alone', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertPayment(database.db, order);
  await markUnknown(database.db, paymentId, 'no outcome yet');
  await markUnknown(database.db, paymentId, 'no outcome yet');
  expect(await readPayment(database.db, paymentId)).toMatchObject({ status: 'unknown' });
  expect(await eventTypes(database.db, order.orderId)).toEqual(['payment_unknown']);

  const settled = await payment({ status: 'declined' });
  await markUnknown(database.db, settled, 'no outcome yet');
  expect(await readPayment(database.db, settled)).toMatchObject({ status: 'declined' });
});
