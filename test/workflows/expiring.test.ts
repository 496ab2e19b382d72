import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { EXPIRED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';
import { lateness, place, type PlacedOrder } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

async function moveExpiry({ orderId }: PlacedOrder, seconds: number): Promise<void> {
  await stack.db.pool.query(
    'update reservations set expires_at = expires_at + make_interval(secs => $2) where order_id = $1',
    [orderId, seconds],
  );
}

async function timersStarted(order: PlacedOrder): Promise<number> {
  const { events } = await order.history();
  return (events ?? []).filter((event) => event.timerStartedEventAttributes).length;
}

test('an unpaid reservation expires soon after its time, never before', async () => {
  const order = await place(stack, { items: { LAMP: 2 }, holdSeconds: 1 });
  expect(await order.closed('expired')).toEqual({ status: 'expired' });
  const late = await lateness(stack, order);
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(EXPIRED_WITHIN_MS);
  expect(await order.view()).toMatchObject({ status: 'expired', reservation: { status: 'expired' } });
  expect(await order.details()).toContain('Order expired.');
});

test('a timer that fires before PostgreSQL says the reservation is due is set again', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 3 });
  await order.until('reserved');
  await waitFor(async () => (await timersStarted(order)) === 1);
  await moveExpiry(order, 1);
  expect(await order.closed('timer-that-fires-early')).toEqual({ status: 'expired' });
  expect(await timersStarted(order)).toBe(2);
  const late = await lateness(stack, order);
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(EXPIRED_WITHIN_MS);
});

test('a payment for a reservation that is past due is refused and charges nothing', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 60 });
  await order.until('reserved');
  await moveExpiry(order, -61);
  expect(await order.pay('tok_ok')).toEqual({ outcome: 'refused', code: 'HOLD_EXPIRED', paymentId: null });
  expect(await order.closed('paid-too-late')).toEqual({ status: 'expired' });
  expect((await order.view()).payments).toEqual([]);
});

test('a reservation that another order reclaimed ends its order at once', async () => {
  await addStock(stack.db, 'LAST-ONE', 'AMS', 1);
  const late = await place(stack, { items: { 'LAST-ONE': 1 }, holdSeconds: 60 });
  await late.until('reserved');
  await moveExpiry(late, -61);
  const next = await place(stack, { items: { 'LAST-ONE': 1 }, token: 'tok_ok' });
  expect(await next.handle.result()).toEqual({ status: 'fulfilled' });
  expect(await late.handle.result()).toEqual({ status: 'expired' });
});

test('signals for no reason change nothing', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 2 });
  await order.until('reserved');
  await Promise.all(Array.from({ length: 5 }, () => order.wake()));
  expect(await order.handle.result()).toEqual({ status: 'expired' });
  expect(await lateness(stack, order)).toBeLessThan(EXPIRED_WITHIN_MS);
});
