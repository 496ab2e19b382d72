import { retryCapture, settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import type { OrderView } from '../../domain/ordering/types';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import { newId } from '../../platform/ids';
import { ASK_LIMIT_MS, addStock, gatewayAskedLongAgo } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { authenticate } from '../faults/money-steps';
import { reconcile, reconciled } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { place, type OrderRequest, type PlacedOrder } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    slowMs: NEVER_MS,
    settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS },
  });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
  await addStock(stack.db, 'SOFA', 'BER', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

const BOTH = { LAMP: 1, SOFA: 1 };
const authorised = (request: Partial<OrderRequest> = {}) =>
  place(stack, { items: BOTH, token: 'tok_ok', capture: 'on_shipment', ...request });
const money = async (order: PlacedOrder) =>
  (await order.view()).payments.map(({ status, capturedMinor, refundedMinor, captures }) => ({
    status,
    captured: capturedMinor,
    refunded: refundedMinor,
    captures: captures.map(({ amountMinor, status: state }) => [amountMinor, state]),
  }));
const hasCaptured = (count: number) => (order: OrderView) =>
  order.payments[0]?.captures.filter(({ status }) => status === 'succeeded').length === count;

test('what each of two parcels costs is captured as it leaves', async () => {
  const order = await authorised();
  await untilShipments(order, 'booked');
  expect(await money(order)).toEqual([{ status: 'authorized', captured: 0, refunded: 0, captures: [] }]);
  await carrierSays(stack, order, 'picked_up', 'AMS');
  await order.until(hasCaptured(1));
  expect(await money(order)).toMatchObject([{ status: 'authorized', captured: 1_000 }]);
  await carrierSays(stack, order, 'picked_up', 'BER');
  expect(await order.closed('authorised-two-captures')).toEqual({ status: 'fulfilled' });
  expect(await money(order)).toMatchObject([
    {
      status: 'captured',
      captured: 2_000,
      captures: [
        [1_000, 'succeeded'],
        [1_000, 'succeeded'],
      ],
    },
  ]);
});

test('an order that is cancelled before anything left is answered when its authorisation is voided', async () => {
  const order = await authorised();
  await untilShipments(order, 'booked');
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await money(order)).toEqual([{ status: 'voided', captured: 0, refunded: 0, captures: [] }]);
  expect(await order.closed('authorised-cancelled')).toEqual({ status: 'cancelled' });
});

test('so is one at a gateway that is not fast', async () => {
  const order = await authorised({ saga: { gatewayIsFast: false } });
  await untilShipments(order, 'booked');
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await money(order)).toMatchObject([{ status: 'voided' }]);
  await order.handle.result();
});

test('one whose authorisation is cancelled at the gateway is cancelled when the gateway tells', async () => {
  const order = await authorised();
  await untilShipments(order, 'booked');
  const [payment] = (await order.view()).payments;
  await stack.db.pool.query(
    `update sandbox_gateway.charges set status = 'voided' where idempotency_key = $1`,
    [payment!.id],
  );
  await applyGatewayEvent(stack.db, 'sandbox', {
    eventId: newId(),
    type: 'charge.canceled',
    occurredAt: new Date(),
    fact: { kind: 'charge', hasEnded: true, chargeRef: null, paymentId: payment!.id },
  });
  expect(await order.closed('authorisation-lost')).toEqual({ status: 'cancelled' });
  expect(await money(order)).toEqual([{ status: 'failed', captured: 0, refunded: 0, captures: [] }]);
  expect((await order.view()).attention).toMatchObject([{ kind: 'authorization_lost' }]);
});

test('a capture that is refused for good ends the saga and waits for a person; what that person did is carried on', async () => {
  const order = await authorised({ items: { LAMP: 1 }, token: 'tok_capture_fails' });
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('capture-refused')).toEqual({ status: 'fulfilled' });
  const { attention, payments } = await order.view();
  const captureId = payments[0]!.captures[0]!.id;
  expect(attention).toMatchObject([{ kind: 'capture_failed', about: captureId }]);
  expect(await order.attention()).toEqual(['capture_failed']);
  expect(await order.details()).toContain('**Needs a person:** capture_failed');

  await gatewayAskedLongAgo(stack.db);
  await retryCapture(stack.db, { askLimitMs: ASK_LIMIT_MS, captureId, actor: 'kim' });
  await order.until(
    (view) => view.payments[0]?.captures[0]?.status === 'failed' && view.attention.length > 0,
  );
  const how = {
    outcome: 'made_elsewhere' as const,
    reference: 'T-1',
    reason: 'paid by transfer',
    actor: 'kim',
  };
  await settleCaptureByHand(stack.db, { askLimitMs: ASK_LIMIT_MS, captureId, ...how });
  await order.until((view) => view.payments[0]?.status === 'failed');
  await order.handle.result();
  expect((await order.view()).attention).toEqual([]);
});

/** The time in which the customer may authenticate. */
async function timeIsOver(order: PlacedOrder): Promise<void> {
  await stack.db.pool.query(
    'update payments set action_until = clock_timestamp(), next_try_at = null where order_id = $1',
    [order.orderId],
  );
  await order.wake();
}

test('a customer who authenticates has paid', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  expect(await order.pay('tok_3ds')).toMatchObject({ outcome: 'requires_action' });
  const { payment } = await order.view();
  expect(payment).toMatchObject({ nextAction: { type: 'redirect' } });
  await authenticate(stack, payment!.id);
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('customer-authenticates')).toEqual({ status: 'fulfilled' });
  expect(await money(order)).toMatchObject([{ status: 'captured', captured: 1_000 }]);
});

test('a customer who does not authenticate in time may try another card', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_3ds_abandoned' });
  await order.until(({ payments }) => payments[0]?.status === 'requires_action');
  await timeIsOver(order);
  await order.until(({ payments }) => payments[0]?.status === 'declined');
  expect((await order.view()).payment).toMatchObject({ declineCode: 'abandoned' });
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('customer-does-not-authenticate')).toEqual({ status: 'fulfilled' });
});

test('a second card takes the place of one that waits for its customer', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  const returnUrl = 'https://shop.example/thanks';
  expect(await order.pay('tok_3ds_abandoned', undefined, returnUrl)).toMatchObject({
    outcome: 'requires_action',
  });
  const urls = async () => {
    const { rows } = await stack.db.pool.query<{ url: string | null }>(
      `select c.return_url as url from sandbox_gateway.charges c join payments p on p.id::text = c.idempotency_key
       where p.order_id = $1 order by p.attempt`,
      [order.orderId],
    );
    return rows.map(({ url }) => url);
  };
  expect(await urls()).toEqual([returnUrl]);
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  await order.until(({ payments }) => payments[0]?.status === 'declined');
  expect(await urls()).toEqual([null, null]);
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('second-card-takes-over')).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payments.map(({ status }) => status)).toEqual(['declined', 'captured']);
});

test('a saga that goes on in a new history between two parcels captures the second', async () => {
  const order = await authorised({ saga: { eventsPerRun: 30 } });
  await untilShipments(order, 'booked');
  const runId = async () => (await order.handle.describe()).runId;
  const first = await runId();
  await carrierSays(stack, order, 'picked_up', 'AMS');
  await order.until(hasCaptured(1));
  await waitFor(async () => {
    await order.wake();
    return (await runId()) !== first;
  });
  await carrierSays(stack, order, 'picked_up', 'BER');
  expect(await order.closed('authorised-continued-as-new')).toEqual({ status: 'fulfilled' });
  expect(await money(order)).toMatchObject([{ status: 'captured', captured: 2_000 }]);
});

test('the money of a parcel that left while its order had no saga is captured by the one that the reconciler starts', async () => {
  const order = await authorised({ items: { LAMP: 1 } });
  await untilShipments(order, 'booked');
  await stack.stopWorker();
  await order.handle.terminate('by hand');
  await carrierSays(stack, order, 'picked_up');
  // Nobody is told: what the carrier said is in the rows alone.
  await stack.db.pool.query(`delete from outbox where topic = 'order.wake'`);
  await stack.startWorker();
  expect(await order.view()).toMatchObject({
    status: 'fulfilled',
    payment: { status: 'authorized', captures: [] },
  });
  await stack.db.pool.query(
    `update orders set updated_at = updated_at - interval '1 hour', checked_at = null where id = $1`,
    [order.orderId],
  );
  expect((await reconcile(stack, 'orders')).result).toEqual(reconciled({ looked: 1, restarted: 1 }));
  expect(await order.closed('restarted-before-capture')).toEqual({ status: 'fulfilled' });
  expect(await money(order)).toMatchObject([
    { status: 'captured', captured: 1_000, captures: [[1_000, 'succeeded']] },
  ]);
});
