import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { place, refusalOf, type PlacedOrder } from './order';
import { withStock } from '../support/stock';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

async function arrive(sku: string, delta: number): Promise<number> {
  const { available } = await adjustStock(withStock(stack.db), {
    sku,
    location: 'AMS',
    change: { delta },
    reason: 'arrived',
    actor: 'test',
    effectId: newId(),
  });
  return available;
}

/** An order of 3 of which 1 has shipped, whose card will decline the rest. */
async function shippedInPart(sku: string, holdSeconds: number): Promise<PlacedOrder> {
  await addStock(stack.db, sku, 'AMS', 1);
  const order = await place(stack, {
    items: { [sku]: 3 },
    fulfilment: 'backorder',
    token: 'tok_ok',
    holdSeconds,
  });
  await order.until(({ items }) => items[0]?.fulfilledQuantity === 1);
  await stack.db.pool.query(
    `update orders set payment_method = '{"method":"card","token":"tok_declined"}' where id = $1`,
    [order.orderId],
  );
  return order;
}

test('what is there ships, and what arrives later is charged to the same card and ships then', async () => {
  await addStock(stack.db, 'LAMP', 'AMS', 1);
  const order = await place(stack, { items: { LAMP: 3 }, fulfilment: 'backorder', token: 'tok_ok' });
  await order.until(({ items }) => items[0]?.fulfilledQuantity === 1);
  await waitFor(async () => (await order.details()).includes('Waiting for stock: 2 units.'));

  expect(await arrive('LAMP', 5)).toBe(3);
  expect(await order.closed('backorder-released')).toEqual({ status: 'fulfilled' });
  const { payments, items } = await order.view();
  expect(payments.map(({ amountMinor, status }) => ({ amountMinor, status }))).toEqual([
    { amountMinor: 1_000, status: 'captured' },
    { amountMinor: 2_000, status: 'captured' },
  ]);
  expect(items[0]).toMatchObject({ fulfilledQuantity: 3 });
});

test('an order of which nothing is there reserves nothing and is charged nothing until it arrives', async () => {
  await addStock(stack.db, 'RUG', 'AMS', 0);
  const order = await place(stack, { items: { RUG: 2 }, fulfilment: 'backorder', token: 'tok_ok' });
  expect(await order.until('reserved')).toMatchObject({ reservation: null, payments: [] });
  await arrive('RUG', 1);
  await order.until(({ items }) => items[0]?.fulfilledQuantity === 1);
  await arrive('RUG', 1);
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payments).toHaveLength(2);
});

test('an order that is not paid yet is asked to pay when its stock arrives', async () => {
  await addStock(stack.db, 'VASE', 'AMS', 0);
  const order = await place(stack, { items: { VASE: 1 }, fulfilment: 'backorder' });
  await order.until('reserved');
  expect(await refusalOf(order.pay('tok_ok'))).toBe('ORDER_NOT_PAYABLE');
  await arrive('VASE', 1);
  await waitFor(async () => (await order.details()).includes('Waiting for payment'));
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
});

test('a part whose card is declined is held for a while, then cut; what has shipped stays', async () => {
  const order = await shippedInPart('DESK', 1);
  await arrive('DESK', 2);
  expect(await order.closed('backorder-declined-then-cut')).toEqual({ status: 'fulfilled' });
  const { items, payments, reservations } = await order.view();
  expect(items[0]).toMatchObject({ fulfilledQuantity: 1, cancelledQuantity: 2 });
  expect(payments.map(({ status }) => status)).toEqual(['captured', 'declined']);
  expect(reservations.map(({ status }) => status)).toEqual(['shipped', 'expired']);
});

test('a part whose card is declined can be paid with another card', async () => {
  const order = await shippedInPart('CHAIR', 60);
  await arrive('CHAIR', 2);
  await waitFor(async () => (await order.details()).includes('Waiting for payment'));
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
  expect((await order.view()).items[0]).toMatchObject({ fulfilledQuantity: 3 });
});

test('the rest of an order of which a part has shipped is cancelled: it waits no longer, and nothing more is charged', async () => {
  const order = await shippedInPart('SHELF', 60);
  expect(await order.cancel('too late')).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('backorder-rest-cancelled')).toEqual({ status: 'fulfilled' });
  expect(await arrive('SHELF', 2)).toBe(2);
  const { items, payments, cancelReason } = await order.view();
  expect(items[0]).toMatchObject({ fulfilledQuantity: 1, cancelledQuantity: 2 });
  expect(payments.map(({ status }) => status)).toEqual(['captured']);
  expect(cancelReason).toBe('too late');
});

test('a part that waits to be paid is freed at once when the workflow is cancelled', async () => {
  const order = await shippedInPart('BENCH', 60);
  await arrive('BENCH', 2);
  await waitFor(async () => (await order.details()).includes('Waiting for payment'));
  await order.handle.cancel();
  expect(await order.closed('workflow-cancelled-when-part-has-left')).toEqual({ status: 'fulfilled' });
  expect((await order.view()).reservations.map(({ status }) => status)).toEqual(['shipped', 'cancelled']);
});

test('units that have waited for stock until their time are given up', async () => {
  await addStock(stack.db, 'BED', 'AMS', 1);
  const order = await place(stack, {
    items: { BED: 2 },
    fulfilment: 'backorder',
    token: 'tok_ok',
    backorderSeconds: 2,
  });
  expect(await order.closed('backorder-given-up')).toEqual({ status: 'fulfilled' });
  expect(await order.view()).toMatchObject({ items: [{ fulfilledQuantity: 1, cancelledQuantity: 1 }] });
  expect(await arrive('BED', 1)).toBe(1);
});

test('an order that is cancelled while it waits for stock leaves the queue, and the next in it is served', async () => {
  await addStock(stack.db, 'SOFA', 'AMS', 0);
  const first = await place(stack, { items: { SOFA: 1 }, fulfilment: 'backorder', token: 'tok_ok' });
  await first.until('reserved');
  const second = await place(stack, { items: { SOFA: 1 }, fulfilment: 'backorder', token: 'tok_ok' });
  await second.until('reserved');
  expect(await first.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await first.closed('backorder-cancelled')).toEqual({ status: 'cancelled' });

  expect(await arrive('SOFA', 1)).toBe(0);
  expect(await second.handle.result()).toEqual({ status: 'fulfilled' });
  expect((await first.view()).payments).toEqual([]);
});
