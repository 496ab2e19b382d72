import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { reconcile } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { bookingGate, carrierSays, NEVER_MS, untilShipments } from './carrier';
import { hangingGateway } from './gateway';
import { place, type PlacedOrder } from './order';

/** A booking that is held up is not given up by itself. */
const HELD_UP_MS = 300_000;

const gate = bookingGate();
const gateway = hangingGateway();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    gateway: (sandbox) => gateway.over(sandbox),
    integrations: gate.integrations,
    settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS, CARRIER_CALL_TIMEOUT_MS: HELD_UP_MS },
  });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
  await addStock(stack.db, 'CHAIR', 'AMS', 100);
  await addStock(stack.db, 'SOFA', 'AMS', 2);
});
afterAll(async () => {
  gate.open();
  gateway.release();
  await stack.stop();
});
afterEach(() => expectAtRest(stack.db));

/** An order that is being booked: the dispatcher is held up with it, so no other is begun until the gate opens. */
async function holdUpDispatcher(): Promise<PlacedOrder> {
  gate.block();
  const arrived = gate.arrived();
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await waitFor(() => gate.arrived() === arrived + 1);
  return order;
}

async function paid(items: Record<string, number>): Promise<PlacedOrder> {
  const order = await place(stack, { items, token: 'tok_ok' });
  await order.until('paid');
  return order;
}

/** The card to which what is added is charged. */
const storeCard = (order: PlacedOrder, token: string) =>
  stack.db.pool.query('update orders set payment_method = $2 where id = $1', [
    order.orderId,
    JSON.stringify({ method: 'card', token }),
  ]);

async function shipped(...orders: PlacedOrder[]): Promise<void> {
  for (const order of orders) {
    await order.until(
      ({ shipments }) =>
        shipments.every(({ status }) => status === 'booked' || status === 'voided') &&
        shipments.some(({ status }) => status === 'booked'),
    );
    await carrierSays(stack, order, 'picked_up');
  }
}

const quantities = async (order: PlacedOrder) =>
  Object.fromEntries(
    (await order.view()).items.map((item) => [item.sku, item.quantity - item.cancelledQuantity]),
  );

test('an unpaid order is amended, once for a request also in another run of its saga, and pays what it has then', async () => {
  const order = await place(stack, { items: { LAMP: 3 }, saga: { eventsPerRun: 30 } });
  await order.until('reserved');
  const runId = async () => (await order.handle.describe()).runId;
  const first = await runId();
  const requestId = newId();
  expect(await order.amend({ LAMP: 1, CHAIR: 2 }, requestId)).toEqual({ outcome: 'amended' });
  // Amended since: the same request again says what became of it and changes nothing.
  expect(await order.amend({ LAMP: 2 })).toEqual({ outcome: 'amended' });
  expect(await order.amend({ LAMP: 1, CHAIR: 2 }, requestId)).toEqual({ outcome: 'amended' });
  await waitFor(async () => {
    await order.wake();
    return (await runId()) !== first;
  });
  expect(await order.amend({ LAMP: 1, CHAIR: 2 }, requestId)).toEqual({ outcome: 'amended' });
  expect(await quantities(order)).toEqual({ LAMP: 2, CHAIR: 2 });
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('amended-unpaid')).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payments).toMatchObject([{ amountMinor: 4_000 }]);
});

test('an order stays as it was when stock is missing, and can still be amended and paid', async () => {
  const order = await place(stack, { items: { SOFA: 1 } });
  await order.until('reserved');
  expect(await order.amend({ SOFA: 3 })).toEqual({ outcome: 'refused', code: 'OUT_OF_STOCK' });
  expect(await order.amend({ SOFA: 2 })).toEqual({ outcome: 'amended' });
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await order.handle.result()).toEqual({ status: 'cancelled' });
});

test('paid orders: more is charged and less goes back, a declined card leaves all as it was, and what is being booked is not amended', async () => {
  const booking = await holdUpDispatcher();
  const order = await paid({ LAMP: 3 });
  const declined = await paid({ LAMP: 2 });
  await storeCard(declined, 'tok_declined');

  expect(await booking.amend({ LAMP: 2 })).toEqual({ outcome: 'refused', code: 'NOT_AMENDABLE' });
  expect(await order.amend({ LAMP: 1, CHAIR: 1 })).toEqual({ outcome: 'amended' });
  expect(await order.amend({ LAMP: 2, CHAIR: 0 })).toEqual({ outcome: 'amended' });
  expect(await declined.amend({ LAMP: 1, CHAIR: 1 })).toEqual({
    outcome: 'refused',
    code: 'PAYMENT_DECLINED',
  });
  expect(await declined.view()).toMatchObject({
    status: 'paid',
    totalMinor: 2_000,
    items: [{ sku: 'LAMP', quantity: 2, reservedQuantity: 2 }],
    payments: [{ status: 'captured' }, { status: 'declined' }],
    refunds: [],
  });
  gate.open();
  await shipped(booking, order, declined);
  expect(await order.closed('amended-paid')).toEqual({ status: 'fulfilled' });
  expect(await declined.closed('amendment-declined')).toEqual({ status: 'fulfilled' });
  expect(await booking.closed('amendment-refused-while-booking')).toEqual({ status: 'fulfilled' });
  expect(await quantities(order)).toEqual({ LAMP: 2, CHAIR: 0 });
  const { payments, totalMinor } = await order.view();
  expect(totalMinor).toBe(2_000);
  expect(payments.map(({ amountMinor, refundedMinor }) => amountMinor - refundedMinor)).toEqual([
    1_000, 0, 1_000,
  ]);
});

test('cancelling ends an order whose additions are being charged', async () => {
  const booking = await holdUpDispatcher();
  const order = await paid({ LAMP: 1 });
  gateway.holdResponses();
  const amending = order.amend({ LAMP: 2 });
  await order.until(({ payments }) => payments.length === 2);
  const cancelled = await order.cancelLater();
  await order.until('cancelled');
  gateway.release();
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  expect(await amending).toEqual({ outcome: 'refused', code: 'NOT_AMENDABLE' });
  expect(await order.closed('amendment-cancelled-while-charging')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({
    totalMinor: 1_000,
    items: [{ quantity: 1, cancelledQuantity: 1 }],
  });
  gate.open();
  await shipped(booking);
  await booking.handle.result();
});

test('cancelled and amended at once, an order ends as cancelled, with all of its money and stock', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  const [amendment, cancellation] = await Promise.all([order.amend({ LAMP: 2 }), order.cancel()]);
  expect(['amended', 'refused']).toContain(amendment.outcome);
  expect(cancellation).toEqual({ outcome: 'cancelled' });
  expect(await order.handle.result()).toEqual({ status: 'cancelled' });
});

test('a saga terminated while what was added is charged goes on, and answers the same request', async () => {
  const booking = await holdUpDispatcher();
  const order = await paid({ LAMP: 2 });
  gateway.holdResponses();
  const requestId = newId();
  const lost = order.amend({ LAMP: 1, CHAIR: 1 }, requestId).catch(() => undefined);
  await order.until(({ payments }) => payments.length === 2);
  await order.handle.terminate('by hand');
  gateway.release();
  await lost;
  await stack.db.pool.query(
    `update orders set updated_at = updated_at - interval '1 hour', checked_at = null where id = $1`,
    [order.orderId],
  );
  await reconcile(stack, 'orders');
  expect(await order.amend({ LAMP: 1, CHAIR: 1 }, requestId)).toEqual({ outcome: 'amended' });
  expect(await quantities(order)).toEqual({ LAMP: 1, CHAIR: 1 });
  gate.open();
  await shipped(booking, order);
  expect(await order.closed('restarted-while-amending')).toEqual({ status: 'fulfilled' });
  await booking.handle.result();
});
