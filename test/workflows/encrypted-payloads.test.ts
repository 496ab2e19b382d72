import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { ReplayError, Worker } from '@temporalio/worker';
import { dataConverterOf } from '../../platform/temporal/payload-codec';
import { createEngineClient } from '../../platform/temporal/engine-client';
import { CUSTOMER_ID } from '../../workflows/contract/messages';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { scratchFolder } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { UNLUCKY_CUSTOMER } from '../support/throwing-workflows';
import { waitFor } from '../support/wait';
import { buildWorkflowBundle, withWorkflowBundle } from '../support/workflow-bundle';
import { place, type PlacedOrder } from './order';

const key = (id: string) => `${id}=${randomBytes(32).toString('base64')}`;
const [OLD, NEW] = [key('old'), key('new')];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { PAYLOAD_KEYS: [OLD, NEW] } });
  await addStock(stack.db, 'LAMP', 'AMS', 50);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

/** What Temporal has of an order, as bytes in which a text would be found. */
async function storedHistory(order: PlacedOrder): Promise<string> {
  const { history } = await stack.temporal.client.workflowService.getWorkflowExecutionHistory({
    namespace: stack.temporal.namespace,
    execution: { workflowId: order.handle.workflowId },
  });
  return Buffer.from(temporal.api.history.v1.History.encode(history ?? {}).finish()).toString('latin1');
}

async function replayError(order: PlacedOrder, keys: string[]): Promise<Error | undefined> {
  const history = await order.history();
  const options = withWorkflowBundle({
    taskQueue: 'replay',
    dataConverter: dataConverterOf({ PAYLOAD_KEYS: keys }),
  });
  const histories = [{ workflowId: order.handle.workflowId, history }];
  for await (const { error } of Worker.runReplayHistories(options, histories)) return error;
  throw new Error('one history has one result');
}

/** A worker with these keys instead of the one that runs. Clients have both all the time, as in a rotation. */
async function workWith(keys: string[]): Promise<void> {
  await stack.stopWorker();
  stack.settings.PAYLOAD_KEYS = keys;
  await stack.startWorker();
}

test('nothing that an order says is in its history, which replays with the key, and after a rotation, and not without', async () => {
  const order = await place(stack, {
    items: { LAMP: 2 },
    token: 'tok_ok',
    customerId: 'Jane Doe, Elm Street 5',
  });
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });

  const stored = await storedHistory(order);
  expect(['tok_ok', 'LAMP', 'Elm Street'].filter((said) => stored.includes(said))).toEqual([]);
  expect(stored.includes('binary/encrypted')).toBe(true);
  const described = await order.handle.describe();
  // Search attributes are not encrypted.
  expect(described.typedSearchAttributes.get(CUSTOMER_ID)).toBeUndefined();
  expect(await described.staticSummary()).toBe('2 × LAMP for Jane Doe, Elm Street 5');

  expect(await replayError(order, [OLD])).toBeUndefined();
  expect(await replayError(order, [NEW, OLD])).toBeUndefined();
  expect(await replayError(order, [NEW])).toBeInstanceOf(ReplayError);
});

test('an order that began under one key goes on under the next; where its key is lost it stands still, and goes on when it is back', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, holdSeconds: 600 });
  await order.until('reserved');

  await workWith([NEW]);
  // Wakes it, so that the worker has to read what it is.
  await order.wake();
  const failed = await waitFor(async () => {
    const { raw } = await order.handle.describe();
    return (raw.pendingWorkflowTask?.attempt ?? 0) > 1;
  });
  expect(failed).toBe(true);
  const { runId } = await order.handle.describe();
  const engine = createEngineClient(stack.temporal.client);
  expect(await engine.lastTaskFailure(order.handle.workflowId, runId)).toMatchObject({
    message: expect.stringContaining("encrypted under the key 'old'") as string,
  });
  expect((await order.view()).status).toBe('reserved');

  await workWith([NEW, OLD]);
  // Temporal takes no update while the task of a workflow fails.
  await waitFor(async () => (await engine.inspect(order.handle.workflowId)).task === null);
  await order.pay('tok_ok');
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
});

test('what a workflow fails with is not in its history in words, and is read with the key', async () => {
  const defective = await buildWorkflowBundle(await scratchFolder('failing-workflows'), false, {
    workflowsPath: join(__dirname, '../support/throwing-workflows.ts'),
  });
  const order = await place(stack, { items: { LAMP: 1 }, customerId: UNLUCKY_CUSTOMER, holdSeconds: 600 });
  await order.until('reserved');
  await stack.stopWorker();
  await stack.startWorker({ codePath: defective });
  await order.wake();
  const engine = createEngineClient(stack.temporal.client);
  const workflowId = order.handle.workflowId;
  const { task } = await waitFor(async () => {
    const condition = await engine.inspect(workflowId);
    return (condition.task?.attempt ?? 0) > 1 ? condition : undefined;
  });
  expect(await engine.lastTaskFailure(workflowId, task?.runId ?? '')).toMatchObject({
    message: expect.stringContaining('a defect of this build') as string,
  });
  const stored = await storedHistory(order);
  expect(stored).toContain('Encoded failure');
  expect(stored).not.toContain('a defect of this build');
  await stack.stopWorker();
  await stack.startWorker();
  await waitFor(async () => (await engine.inspect(workflowId)).task === null);
  await order.pay('tok_ok');
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
});
