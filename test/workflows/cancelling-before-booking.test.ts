import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { bookingGate } from './carrier';
import { place } from './order';

const barrier = bookingGate();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ integrations: barrier.integrations });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(async () => {
  barrier.open();
  await stack.stop();
});
afterEach(() => expectAtRest(stack.db));

test('orders are cancelled while their booking is on its way and before it has begun', async () => {
  barrier.block();
  const booking = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await waitFor(() => barrier.arrived() === 1);
  // The dispatcher is held up with the first, so the second is not begun.
  const waiting = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await waiting.until('paid');
  expect((await booking.view()).shipments).toMatchObject([{ status: 'booking' }]);
  expect((await waiting.view()).shipments).toMatchObject([{ status: 'pending' }]);

  expect(await booking.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await waiting.cancel()).toEqual({ outcome: 'cancelled' });
  await booking.closed('cancelled-while-booking');
  await waiting.closed('cancelled-before-booking');
  barrier.open();

  // The late booking finds the void at the carrier and is refused: nothing is picked up.
  const next = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  expect(await next.handle.result()).toEqual({ status: 'fulfilled' });
  const { rows } = await stack.db.pool.query(
    'select stage from sandbox_carrier.parcels where shipment_id = any ($1)',
    [[(await booking.view()).shipments[0]?.id, (await waiting.view()).shipments[0]?.id]],
  );
  expect(rows).toEqual([{ stage: 'voided' }]);
  for (const order of [booking, waiting]) {
    expect(await order.view()).toMatchObject({ status: 'cancelled', payment: { status: 'refunded' } });
  }
});
