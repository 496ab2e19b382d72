import { CUSTOMER_ID, ORDER_STATUS } from '../../workflows/contract/messages';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('an order that is paid when it is placed is fulfilled from one warehouse in at most 2 tasks and 16 events', async () => {
  await addStock(stack.db, 'LAMP', 'AMS', 5);
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_ok' });
  expect(await order.closed('paid-with-the-order')).toEqual({ status: 'fulfilled' });

  const events = (await order.history()).events ?? [];
  const tasks = events.filter((event) => event.workflowTaskCompletedEventAttributes).length;
  process.stdout.write(`plain path: ${events.length} events, ${tasks} workflow tasks\n`);
  expect(tasks).toBeLessThanOrEqual(2);
  expect(events.length).toBeLessThanOrEqual(16);
  const happened = await order.events();
  expect(happened.filter((type) => type !== 'shipment_delivered')).toEqual([
    'order_placed',
    'stock_reserved',
    'payment_started',
    'payment_captured',
    'shipments_created',
    'shipment_booked',
    'shipment_picked_up',
    'order_fulfilled',
  ]);
});

test('an order explains itself in the Temporal UI: summary, details, what it does now and what it did', async () => {
  await addStock(stack.db, 'DESK', 'AMS', 5);
  const order = await place(stack, { items: { DESK: 1 }, holdSeconds: 60 });
  const { reservation } = await order.until('reserved');

  // The row is there before the task that wrote it has ended.
  const description = await waitFor(async () => {
    const described = await order.handle.describe();
    return described.typedSearchAttributes.get(ORDER_STATUS) === 'reserved' ? described : undefined;
  });
  expect(description.typedSearchAttributes.get(CUSTOMER_ID)).toBe('c-test');
  expect(await description.staticSummary()).toBe('1 × DESK for c-test');
  expect(await description.staticDetails()).toContain('Held for 60 s until it is paid.');
  expect(await order.details()).toContain(`Waiting for payment until ${reservation?.expiresAt}`);
  expect(await order.details()).toContain('Stock reserved.');

  await order.pay('tok_ok');
  await order.closed('paid-later');
  const closed = await order.handle.describe();
  expect(closed.typedSearchAttributes.get(ORDER_STATUS)).toBe('fulfilled');
  expect(await order.attention()).toBeUndefined();
  expect(await order.details()).toContain('Ended: fulfilled.');
  expect(await order.details()).toContain('Payment captured.');
});
