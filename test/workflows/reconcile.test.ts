import type { ReconcileResult } from '../../activities/reconcile';
import { abandonReservation } from '../../domain/ordering/cancel';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { reconcile, reconciled } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { gatewayBooks, hangingGateway, takeAway } from './gateway';
import { place, type PlacedOrder } from './order';

const gateway = hangingGateway();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    gateway: (sandbox) => gateway.over(sandbox),
    settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS },
  });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(async () => {
  gateway.release();
  await stack.stop();
});
afterEach(() => expectAtRest(stack.db));

/** Runs the reconciler as its schedule does, an hour after the order was last touched. */
async function reconcileLater(order: PlacedOrder): Promise<ReconcileResult> {
  await stack.db.pool.query(
    `update orders set updated_at = updated_at - interval '1 hour', checked_at = null where id = $1`,
    [order.orderId],
  );
  const { result, handle } = await reconcile(stack, 'orders');
  await keepHistory(handle, 'reconcile-orders');
  return result;
}

async function isWaiting(order: PlacedOrder): Promise<void> {
  await waitFor(async () => (await order.details()).includes('Waiting for'));
}

test('a saga terminated while it waits for payment is started again and can be paid', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await isWaiting(order);
  await order.handle.terminate('by hand');
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));

  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'delivered');
  expect(await order.closed('restarted-while-waiting-for-payment')).toEqual({ status: 'fulfilled' });
  expect((await order.view()).reservations).toHaveLength(1);
});

test('an attempt to pay that is sent again to a saga started again is answered by its first charge', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await isWaiting(order);
  const first = await order.pay('tok_declined', 'attempt-1');
  await order.handle.terminate('by hand');
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));
  expect(await order.pay('tok_declined', 'attempt-1')).toEqual(first);
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'declined', calls: 1 }]);
  await order.cancel();
  await order.handle.result();
});

test('a saga terminated while it charges a card finds out what became of the charge and does not repeat it', async () => {
  gateway.holdResponses();
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok', holdSeconds: 1 });
  await waitFor(async () => (await gatewayBooks(stack, order)).length === 1);
  await order.handle.terminate('by hand');
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));
  gateway.release();

  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('restarted-while-charging')).toEqual({ status: 'fulfilled' });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 1 }]);
  expect((await order.view()).payments).toHaveLength(1);
});

test('a saga terminated while it waits for the carrier carries on waiting', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await order.handle.terminate('by hand');
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));
  await isWaiting(order);
  expect(await order.view()).toMatchObject({ status: 'fulfilling', payment: { refundedMinor: 0 } });

  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('restarted-while-waiting-for-the-carrier')).toEqual({ status: 'fulfilled' });
  expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 1 }]);
});

test('a saga terminated in the middle of a cancellation finishes it and refunds once', async () => {
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const back = await takeAway(stack, 'refunds');
  await order.cancelLater();
  // Between two tries: none is under way that could still succeed when the gateway is back.
  await waitFor(async () => (await order.attention()) !== undefined);
  await order.handle.terminate('by hand');
  await back();
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));

  expect(await order.closed('restarted-while-cancelling')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({
    refunds: [{ amountMinor: 2_000, status: 'succeeded' }],
    shipments: [{ status: 'voided' }],
  });
});

test('a request to cancel outlives a saga that is terminated while its charge is unknown', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, saga: { firstRetryMs: 3_000 } });
  // Long enough that no try is under way that could still succeed when the gateway is back.
  await isWaiting(order);
  const back = await takeAway(stack, 'charges');
  await order.payLater('tok_ok');
  await order.until(({ payment }) => payment?.status === 'unknown');
  await order.cancelLater();
  // The cancellation has the gateway asked at once; then the next try is a while off, and no call is under way that could still succeed.
  await waitFor(async () => {
    const { raw } = await order.handle.describe();
    const nextTryAt = Date.parse((await order.view()).payment?.nextTryAt ?? '');
    return (raw.pendingActivities ?? []).length === 0 && nextTryAt - Date.now() > 2_000;
  });
  expect(await order.events()).toContain('order_cancelled');
  await order.handle.terminate('by hand');
  await back();
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));

  expect(await order.closed('restarted-with-a-wish-to-cancel')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ payment: { status: 'declined', declineCode: 'abandoned' } });
});

test('a saga terminated after its reservation was given up still finds out about the charge and refunds it', async () => {
  gateway.holdResponses();
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await waitFor(async () => (await gatewayBooks(stack, order)).length === 1);
  await order.handle.terminate('by hand');
  // What the saga does when the charge stays unknown for too long.
  await stack.db.pool.query(`update payments set status = 'unknown' where order_id = $1`, [order.orderId]);
  const { payment } = await order.view();
  await abandonReservation(stack.db, { orderId: order.orderId, paymentId: payment!.id });
  await order.until('failed');
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));
  gateway.release();

  expect(await order.handle.result()).toEqual({ status: 'failed' });
  expect(await order.view()).toMatchObject({ payment: { status: 'refunded' } });
});

test('a saga that lives is left alone, however slow it is', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await isWaiting(order);
  const { runId } = await order.handle.describe();
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 0 }));
  expect((await order.handle.describe()).runId).toBe(runId);
  await order.cancel();
  await order.handle.result();
});

test('an open order whose workflow has completed is taken up again', async () => {
  const order = await place(stack, { items: { LAMP: 1 } });
  await isWaiting(order);
  await order.handle.terminate('by hand');
  // Whatever it was that completed under the id of the order's saga.
  await stack.temporal.client.workflow.execute(WORKFLOW_TYPES.ledgerMaintenance, {
    workflowId: stack.names.orderWorkflowId(order.orderId),
    taskQueue: stack.names.jobsQueue,
  });
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 1, restarted: 1 }));
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  expect(await order.handle.result()).toEqual({ status: 'cancelled' });
});

test('orders that have ended are not looked at', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 1 });
  await order.handle.result();
  expect(await reconcileLater(order)).toEqual(reconciled({ looked: 0, restarted: 0 }));
});
