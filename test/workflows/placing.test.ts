import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { place, startSaga } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('an order that no single warehouse can fill is filled by two, with a shipment from each', async () => {
  await addStock(stack.db, 'CHAIR', 'AMS', 3);
  await addStock(stack.db, 'CHAIR', 'BER', 3);
  const order = await place(stack, { items: { CHAIR: 5 }, token: 'tok_ok' });
  expect(await order.closed('several-warehouses')).toEqual({ status: 'fulfilled' });

  const { shipments, payments, items } = await order.view();
  expect(shipments.map((shipment) => shipment.warehouse)).toEqual(['AMS', 'BER']);
  expect(payments).toHaveLength(1);
  expect(items[0]).toMatchObject({ fulfilledQuantity: 5, status: 'fulfilled' });
});

test('a partial order gets and pays what there is, and the rest is cut', async () => {
  await addStock(stack.db, 'RUG', 'AMS', 3);
  const order = await place(stack, { items: { RUG: 5 }, fulfilment: 'partial', token: 'tok_ok' });
  expect(await order.closed('partial')).toEqual({ status: 'fulfilled' });

  const { items, payments, totalMinor } = await order.view();
  expect(items[0]).toMatchObject({ fulfilledQuantity: 3, cancelledQuantity: 2 });
  expect(totalMinor).toBe(3_000);
  expect(payments.map((payment) => payment.amountMinor)).toEqual([3_000]);
});

test('a complete order that cannot be filled is rejected and nothing is charged', async () => {
  await addStock(stack.db, 'VASE', 'AMS', 3);
  const order = await place(stack, { items: { VASE: 5 }, token: 'tok_ok' });
  expect(await order.closed('rejected')).toEqual({ status: 'rejected' });

  expect((await order.view()).payments).toEqual([]);
  expect(await order.events()).toEqual(['order_placed', 'order_rejected']);
});

test('an order of an unknown SKU fails and says so', async () => {
  const order = await place(stack, { items: { 'NO-SUCH-THING': 1 }, token: 'tok_ok' });
  expect(await order.closed('unknown-sku')).toEqual({ status: 'failed' });

  expect(await order.view()).toMatchObject({ failureCode: 'UNKNOWN_SKU', payments: [] });
  expect(await order.details()).toContain('Ended: failed (UNKNOWN_SKU).');
});

test('an order that PostgreSQL cannot take is undone, and leaves a failed order that says why', async () => {
  await addStock(stack.db, 'BEAD', 'AMS', 5);
  const order = await place(stack, { items: { BEAD: 3_000_000_000 }, token: 'tok_ok' });
  expect(await order.handle.result()).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({ failureCode: 'INVALID_DATA', reservations: [], payments: [] });
});

test('a saga that is started twice at the same time is one saga and one reservation', async () => {
  await addStock(stack.db, 'MUG', 'AMS', 5);
  const order = await place(stack, { items: { MUG: 1 } });
  await order.until('reserved');
  await startSaga(stack, order.input);
  await order.cancel();
  expect(await order.handle.result()).toEqual({ status: 'cancelled' });
  expect((await order.view()).reservations).toHaveLength(1);
});
