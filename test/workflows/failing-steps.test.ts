import { WorkflowUpdateFailedError } from '@temporalio/client';
import { requestRefund } from '../../domain/payments/refunds-by-hand';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { NEVER_MS, untilShipments } from './carrier';
import { place } from './order';
import { refuse } from './refuse';
import { AS_ADMIN } from '../support/access-keys';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true, settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('a step that fails each time waits and is told of; other requests are taken; it ends by itself when it succeeds', async () => {
  const order = await place(stack, { items: { LAMP: 3 } });
  await order.until('reserved');
  const mend = await refuse(stack, 'reservations', `order_id <> '${order.orderId}' or status <> 'cancelled'`);
  const cancelled = await order.cancelLater();
  const { attention } = await order.until((view) => view.attention.length > 0);
  expect(attention).toMatchObject([
    {
      kind: 'step_failing',
      about: order.orderId,
      why: 'The step "cancel" fails each time. PostgreSQL refuses what it writes, since that would break a rule of the tables (SQLSTATE 23514).',
    },
  ]);
  await waitFor(async () => (await order.details()).includes('Waiting to try again a step that failed.'));
  expect(await order.attention()).toEqual(['step_failing']);
  // It is not accepted, and that is said at once.
  const refused = { outcome: 'refused', code: 'ORDER_NOT_PAYABLE', paymentId: null };
  expect(await order.pay('tok_ok')).toEqual(refused);
  expect(await order.view()).toMatchObject({ status: 'reserved', payments: [] });

  await mend();
  await order.wake();
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('step-failing')).toEqual({ status: 'cancelled' });
  expect((await order.view()).attention).toEqual([]);
});

test('what fails keeps the history bounded: it goes on in a new run, and a request that cannot be written is refused', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, saga: { eventsPerRun: 30 } });
  await order.until('reserved');
  const first = (await order.handle.describe()).runId;
  const mendCuts = await refuse(stack, 'order_cuts', `order_id <> '${order.orderId}'`);
  await expect(order.cut({ LAMP: 1 })).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
  const response = await fetch(`${stack.url}/orders/${order.orderId}/cancel`, {
    method: 'POST',
    headers: { ...AS_ADMIN, 'content-type': 'application/json', 'idempotency-key': 'cut-1' },
    body: JSON.stringify({ items: [{ sku: 'LAMP', quantity: 1 }] }),
  });
  expect([response.status, await response.json()]).toMatchObject([503, { code: 'ORDER_STEP_FAILED' }]);
  expect((await order.view()).attention).toEqual([]);
  await mendCuts();

  // A request to cancel that nobody is there to repeat.
  const mend = await refuse(stack, 'orders', `id <> '${order.orderId}' or cancel_state is null`);
  await order.handle.cancel();
  await order.until((view) => view.attention.length > 0);
  await waitFor(async () => {
    await order.wake();
    return (await order.handle.describe()).runId !== first;
  });
  await mend();
  await order.until(({ status, attention }) => status === 'cancelled' && attention.length === 0);
  expect(await order.view()).toMatchObject({ cancelReason: 'the workflow was cancelled' });
});

test('an outcome of the gateway that cannot be written is told of', async () => {
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const mendRefunds = await refuse(
    stack,
    'refunds',
    `order_id <> '${order.orderId}' or status <> 'succeeded'`,
  );
  await order.cancelLater();
  const { attention, refunds } = await order.until((view) => view.attention.length > 0);
  expect(attention).toMatchObject([
    {
      kind: 'step_failing',
      about: refunds[0]?.id,
      why: expect.stringContaining('The step "ask-refund" fails each time. PostgreSQL refuses') as string,
    },
  ]);
  await mendRefunds();
  await waitFor(async () => {
    await stack.db.pool.query(`update refunds set next_try_at = null where status = 'planned'`);
    await order.wake();
    return (await order.view()).refunds.every(({ status }) => status === 'succeeded');
  });
  expect(await order.closed('call-failing')).toEqual({ status: 'cancelled' });
  expect((await order.view()).attention).toEqual([]);
});

test('while a step fails, the gateway is asked all the same', async () => {
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const { orderId } = order;
  const mend = await refuse(stack, 'shipments', `order_id <> '${orderId}' or not stop_for_cut`);
  const cutId = newId();
  const cut = order.cut({ LAMP: 1 }, cutId);
  await order.until((view) => view.attention.length > 0);
  const wanted = { requestId: newId(), paymentId: null, amountMinor: 300, reason: 'late', actor: 'kim' };
  await requestRefund(stack.db, { orderId, ...wanted });
  await order.until((view) => view.refunds[0]?.status === 'succeeded');
  expect((await order.view()).attention).toMatchObject([{ kind: 'step_failing', about: orderId }]);

  await mend();
  await order.wake();
  await cut;
  await order.until((view) => view.items[0]?.cancelledQuantity === 1);
  // The first time its caller may have waited for as long as it waits.
  expect(await order.cut({ LAMP: 1 }, cutId)).toEqual({ outcome: 'cut' });
  expect((await order.view()).items[0]?.cancelledQuantity).toBe(1);
  await order.cancel();
  await order.handle.result();
  expect(await order.view()).toMatchObject({ status: 'cancelled', attention: [] });
});

test('a reserve that fails by its own data each time leaves a failed order', async () => {
  const mend = await refuse(stack, 'reservations', `kind <> 'order'`);
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('failed');
  await mend();
  expect(await order.handle.result()).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({ reservations: [], failureCode: 'INVALID_DATA' });
});
