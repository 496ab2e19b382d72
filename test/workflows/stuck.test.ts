import { join } from 'node:path';
import type { ReconcileResult } from '../../activities/reconcile';
import { listAlerts } from '../../domain/stock/alerts/list';
import { createEngineClient } from '../../platform/temporal/engine-client';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { reconcile, reconciled } from '../support/reconcile';
import { scratchFolder } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { UNLUCKY_CUSTOMER } from '../support/throwing-workflows';
import { waitFor } from '../support/wait';
import { buildWorkflowBundle } from '../support/workflow-bundle';
import { place, type PlacedOrder } from './order';
import { AS_ADMIN } from '../support/access-keys';

let stack: Stack;
/** A bundle of workflows with a defect. */
let defective: string;
beforeAll(async () => {
  defective = await buildWorkflowBundle(await scratchFolder('bundle'), false, {
    workflowsPath: join(__dirname, '../support/throwing-workflows.ts'),
  });
  stack = await startStack({ api: true, worker: false });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(async () => {
  await stack.stopWorker();
  await expectAtRest(stack.db);
});

/** Runs the reconciler as its schedule does. */
async function run(subject: 'orders' | 'standing' = 'orders'): Promise<ReconcileResult> {
  return (await reconcile(stack, subject)).result;
}

/** One that waits to be paid, was looked at just now, and whose saga comes to a worker with a defect when it is paid. */
async function stuckWhilePaid(): Promise<{ order: PlacedOrder; replied: number }> {
  await stack.startWorker();
  const order = await place(stack, { items: { LAMP: 1 }, customerId: UNLUCKY_CUSTOMER, holdSeconds: 600 });
  await waitFor(async () => (await order.details()).includes('Waiting for'));
  await stack.stopWorker();
  await stack.startWorker({ codePath: defective });
  await stack.db.pool.query(
    `update orders set updated_at = updated_at - interval '1 hour', checked_at = clock_timestamp() where id = $1`,
    [order.orderId],
  );
  // It is not its turn before ten minutes have passed.
  expect(await run()).toEqual(reconciled({}));
  const reply = await fetch(`${stack.url}/orders/${order.orderId}/payments`, {
    method: 'POST',
    headers: { ...AS_ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'card', token: 'tok_ok' }),
  });
  const engine = createEngineClient(stack.temporal.client);
  await waitFor(async () => ((await engine.inspect(order.handle.workflowId)).task?.attempt ?? 0) >= 3);
  return { order, replied: reply.status };
}

async function metric(): Promise<string | undefined> {
  const text = await (await fetch(new URL('/metrics', stack.url))).text();
  return /^holdfast_attention\{[^}]*reason="workflow_stuck"[^}]*\} (\d+)$/m.exec(text)?.[1];
}

const alertsOf = async ({ orderId }: PlacedOrder) =>
  (await listAlerts(stack.db, { kind: 'attention', limit: 50, offset: 0 })).items.filter(
    (alert) => alert.orderId === orderId,
  );

test('a saga whose task fails again and again has an alert; terminated, it is started anew and the order goes on', async () => {
  const { order, replied } = await stuckWhilePaid();
  expect([202, 503]).toContain(replied);
  expect(await run()).toEqual(reconciled({ looked: 1, stuck: 1 }));
  expect((await order.view()).attention).toMatchObject([{ kind: 'workflow_stuck', about: order.orderId }]);
  const [alert] = await alertsOf(order);
  expect(alert?.details).toMatchObject({
    workflowId: order.handle.workflowId,
    build: expect.stringContaining('@temporalio/worker') as unknown,
    why: expect.stringMatching(/a defect of this build.*terminate --workflow-id/) as unknown,
    next: expect.stringContaining('the reconciler starts it anew') as unknown,
  });
  expect(await metric()).toBe('1');
  // Looked at in each run, and one alert.
  expect(await run()).toEqual(reconciled({ looked: 1, stuck: 1 }));
  expect(await alertsOf(order)).toHaveLength(1);

  await order.handle.terminate('as the alert says');
  await stack.stopWorker();
  await stack.startWorker();
  expect(await run()).toEqual(reconciled({ looked: 1, restarted: 1 }));
  expect((await order.view()).attention).toEqual([]);
  // What was counted within the last second is not counted again.
  await waitFor(async () => (await metric()) === '0');
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  await order.until('fulfilled');
  await order.handle.result();
});

test('a saga that goes on by itself, once its worker is mended, needs nobody any more', async () => {
  const { order } = await stuckWhilePaid();
  expect(await run()).toMatchObject({ stuck: 1 });
  await stack.stopWorker();
  await stack.startWorker();
  await order.until('fulfilled');
  await order.handle.result();
  expect(await run()).toMatchObject({ stuck: 0, restarted: 0 });
  expect((await order.view()).attention).toEqual([]);
  expect((await alertsOf(order)).map(({ status }) => status)).toEqual(['resolved']);
  expect(await run('standing')).toMatchObject({ looked: 2 });
});
