import { randomUUID } from 'node:crypto';
import { executeCharge } from '../../domain/payments/charge';
import { planRefunds, refundOrder } from '../../domain/ordering/refund';
import { executeRefund } from '../../domain/payments/refund';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { ClosableGateway } from '../../domain/payments/types';
import { execute } from '../../platform/database/database';
import { translateDatabaseError } from '../../platform/errors';
import { eventTypes, openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import {
  insertHold,
  insertOrder,
  insertPayment,
  insertShippedItem,
  type OrderRows,
  readPayment,
  readSandboxBooks,
  setCaptured,
  setShipment,
} from './orders';

const NOWHERE = 'postgresql://postgres@127.0.0.1:1/none';

const log = testLogger();
let database: TestShop;
let gateway: ClosableGateway;

beforeAll(async () => {
  database = await openTestShop();
  gateway = createSandboxGateway({ url: database.url, log, callTimeoutMs: 5_000 });
});

afterAll(async () => {
  await gateway.close();
  await database.close();
});

/** An order whose payment of 5,000 was captured for two shipments, worth 3,000 and 2,000. */
async function paidOrder(): Promise<OrderRows & { paymentId: string; large: string; small: string }> {
  const order = await insertOrder(database.db);
  const paymentId = await insertCaptured(order, 5_000, 1);
  const large = await insertShippedItem(database.db, order, {
    sku: 'CHAIR',
    quantity: 3,
    unitPriceMinor: 1_000,
    warehouse: 'AMS',
  });
  const small = await insertShippedItem(database.db, order, {
    sku: 'LAMP',
    quantity: 1,
    unitPriceMinor: 2_000,
    warehouse: 'JFK',
  });
  return { ...order, paymentId, large, small };
}

async function insertCaptured(order: OrderRows, amountMinor: number, attempt: number): Promise<string> {
  const paymentId = await insertPayment(database.db, order, { amountMinor }, attempt);
  const outcome = await executeCharge({ db: database.db, gateway, paymentId });
  if (outcome.status !== 'captured') throw new Error('tok_ok was not captured');
  await setCaptured(database.db, paymentId, outcome.gatewayRef);
  return paymentId;
}

function plan(orderId: string): Promise<string[]> {
  return database.db.transaction((tx) => planRefunds(tx, orderId, 'cancelled'));
}

function refundAll(orderId: string, at = gateway): Promise<{ refundedMinor: number }> {
  return refundOrder({ db: database.db, gateway: at, orderId, reason: 'cancelled' });
}

async function money(paymentId: string) {
  const [payment, books] = await Promise.all([
    readPayment(database.db, paymentId),
    readSandboxBooks(database.db, [paymentId]),
  ]);
  const { status, planned, refunded } = payment;
  return { status, planned, refunded, atGateway: books.refundedMinor };
}

const UNTOUCHED = { status: 'captured', planned: 0, refunded: 0, atGateway: 0 };

test('a paid reservation that never got a shipment is refunded in full, once', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertCaptured(order, 5_000, 1);
  expect(await refundAll(order.orderId)).toEqual({ refundedMinor: 5_000 });
  expect(await refundAll(order.orderId)).toEqual({ refundedMinor: 5_000 });
  expect(await money(paymentId)).toEqual({
    status: 'refunded',
    planned: 5_000,
    refunded: 5_000,
    atGateway: 5_000,
  });
  expect(await eventTypes(database.db, order.orderId)).toEqual(['refund_started', 'refund_succeeded']);
});

test.each(['pending', 'booking', 'booked', 'voiding', 'picked_up', 'delivered'])(
  'nothing is due while every shipment is %s',
  async (status) => {
    const { orderId, paymentId, large, small } = await paidOrder();
    for (const shipment of [large, small]) await setShipment(database.db, shipment, status);
    expect(await refundAll(orderId)).toEqual({ refundedMinor: 0 });
    expect(await money(paymentId)).toEqual(UNTOUCHED);
    expect(await eventTypes(database.db, orderId)).toEqual([]);
  },
);

test('what failed is refunded at its price, and what is voided later in a refund of its own', async () => {
  const { orderId, paymentId, large, small } = await paidOrder();
  await setShipment(database.db, large, 'picked_up');
  await setShipment(database.db, small, 'failed');
  expect(await refundAll(orderId)).toEqual({ refundedMinor: 2_000 });
  expect(await money(paymentId)).toEqual({
    status: 'partially_refunded',
    planned: 2_000,
    refunded: 2_000,
    atGateway: 2_000,
  });

  await setShipment(database.db, large, 'voided');
  expect(await refundAll(orderId)).toEqual({ refundedMinor: 5_000 });
  expect(await refundAll(orderId)).toEqual({ refundedMinor: 5_000 });
  expect(await money(paymentId)).toEqual({
    status: 'refunded',
    planned: 5_000,
    refunded: 5_000,
    atGateway: 5_000,
  });
});

test('each payment of an order is refunded for its own hold', async () => {
  const first = await paidOrder();
  const reservationId = await insertHold(database.db, first.orderId, 2);
  const second = await insertCaptured({ orderId: first.orderId, reservationId }, 900, 2);
  await setShipment(database.db, first.small, 'voided');
  expect(await refundAll(first.orderId)).toEqual({ refundedMinor: 2_900 });
  expect(await money(first.paymentId)).toMatchObject({ status: 'partially_refunded', atGateway: 2_000 });
  expect(await money(second)).toMatchObject({ status: 'refunded', atGateway: 900 });
});

test('a payment that was not captured is not refunded', async () => {
  const order = await insertOrder(database.db);
  await insertPayment(database.db, order, { status: 'declined' }, 1);
  await insertPayment(database.db, order, { status: 'unknown' }, 2);
  expect(await refundAll(order.orderId)).toEqual({ refundedMinor: 0 });
});

test('a payment shows as refunded only when the money is back', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertCaptured(order, 5_000, 1);
  const refundIds = await plan(order.orderId);
  expect(refundIds).toHaveLength(1);
  expect(await plan(order.orderId)).toEqual(refundIds);
  expect(await money(paymentId)).toEqual({ ...UNTOUCHED, planned: 5_000 });

  const away = createSandboxGateway({ url: NOWHERE, log, callTimeoutMs: 100 });
  await expect(refundAll(order.orderId, away)).rejects.toThrow();
  await away.close();
  expect(await money(paymentId)).toEqual({ ...UNTOUCHED, planned: 5_000 });

  expect(await refundAll(order.orderId)).toEqual({ refundedMinor: 5_000 });
  expect(await eventTypes(database.db, order.orderId)).toEqual(['refund_started', 'refund_succeeded']);
});

test('a refund whose maker died before recording it is made once', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertCaptured(order, 5_000, 1);
  const [refundId] = await plan(order.orderId);
  const { gatewayRef } = await readPayment(database.db, paymentId);
  await gateway.refund({
    refundId: refundId!,
    paymentId,
    gatewayRef: gatewayRef!,
    amountMinor: 5_000,
    currency: 'USD',
    reason: 'cancelled',
  });
  await executeRefund({ db: database.db, gateway }, refundId!);
  await executeRefund({ db: database.db, gateway }, refundId!);
  expect(await money(paymentId)).toEqual({
    status: 'refunded',
    planned: 5_000,
    refunded: 5_000,
    atGateway: 5_000,
  });
});

test('run by many at once, it is planned once, made once and recorded once', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertCaptured(order, 5_000, 1);
  const results = await Promise.all(Array.from({ length: 8 }, () => refundAll(order.orderId)));
  expect(results).toContainEqual({ refundedMinor: 5_000 });
  expect(await money(paymentId)).toEqual({
    status: 'refunded',
    planned: 5_000,
    refunded: 5_000,
    atGateway: 5_000,
  });
  expect(await eventTypes(database.db, order.orderId)).toEqual(['refund_started', 'refund_succeeded']);
});

test('the database refuses to plan or record more than was captured', async () => {
  const order = await insertOrder(database.db);
  const paymentId = await insertCaptured(order, 5_000, 1);
  for (const change of [
    'refund_planned_minor = 5001',
    'refunded_minor = 1',
    'refund_planned_minor = 5000, refunded_minor = 5001',
  ]) {
    const attempt = execute(
      database.db,
      `test.over:${change}`,
      `update payments set ${change} where id = $1`,
      [paymentId],
    ).catch((error: unknown) => Promise.reject(translateDatabaseError(error) as Error));
    await expect(attempt).rejects.toMatchObject({ code: 'REFUND_EXCEEDS_CAPTURE' });
  }
});

test('a refund that does not exist is refused', async () => {
  await expect(executeRefund({ db: database.db, gateway }, randomUUID())).rejects.toMatchObject({
    code: 'REFUND_NOT_FOUND',
  });
});
