import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { NEVER_MS, pickUpUnheard, untilShipments, carrierSays } from './carrier';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('a workflow cancelled while it reserves leaves a tombstone, and the late reserve is refused by it', async () => {
  const blocker = await openTransaction(stack.db);
  await blocker.query(
    `select 1 from stock s join products p on p.id = s.product_id where p.sku = 'LAMP' for update of s`,
  );
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await waitFor(async () => {
    const { rows } = await stack.db.pool.query(
      `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    return rows.length > 0;
  });
  await order.handle.cancel();
  await order.until('failed');
  expect(await order.closed('workflow-cancelled-while-reserving')).toEqual({ status: 'failed' });
  await blocker.query('rollback');
  blocker.release();

  // The reserve that waited for the lock runs now; an order behind it in the same lane shows that it has.
  const next = await place(stack, { items: { LAMP: 1 } });
  await next.until('reserved');
  await next.cancel();
  await next.handle.result();
  expect(await order.view()).toMatchObject({
    status: 'failed',
    failureCode: 'CANCELLED',
    items: [],
    reservations: [],
    payments: [],
  });
});

test('the undo of a reserve is tried until it succeeds', async () => {
  await stack.db.pool.query('alter table orders rename to orders_away');
  const order = await place(stack, { items: { LAMP: 1 } });
  await waitFor(async () => (await order.details()).includes('Reserving stock.'));
  await order.handle.cancel();
  await waitFor(async () => (await order.details()).includes('Undoing the reservation.'));

  await stack.db.pool.query('alter table orders_away rename to orders');
  expect(await order.closed('undo-of-reserve-stuck')).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({ failureCode: 'CANCELLED', reservations: [] });
});

test('a workflow cancelled while it waits cancels its order, and completes', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  await order.handle.cancel();
  expect(await order.closed('workflow-cancelled-while-waiting')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ cancelReason: 'the workflow was cancelled' });
});

test('a workflow cancelled after it was paid gives the money back', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await order.handle.cancel();
  expect(await order.handle.result()).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ payment: { status: 'refunded' } });
});

test('a workflow cancelled when its goods have left goes on', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await pickUpUnheard(stack, order);
  await order.handle.cancel();
  await waitFor(async () => (await order.events()).includes('cancel_refused'));
  await carrierSays(stack, order, 'picked_up');
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
});
