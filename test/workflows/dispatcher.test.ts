import type { RunningCarrier } from '../../domain/fulfilment/types';
import type { DispatcherInput } from '../../workflows/contract/messages';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  let calls = 0;
  // After a carrier has failed once, its shipments are the dispatcher's for a while.
  const failingOnce = (carrier: RunningCarrier): RunningCarrier => ({
    ...carrier,
    book: (shipments) =>
      (calls += 1) === 1 ? Promise.reject(new Error('connection refused')) : carrier.book(shipments),
  });
  stack = await startStack({
    integrations: (made) => ({ ...made, carriers: made.carriers.map(failingOnce) }),
  });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('the dispatcher books what waits, in one run after the other, and says what it does', async () => {
  const input: DispatcherInput = { batchSize: 2, roundsPerRun: 2 };
  const first = await stack.temporal.client.workflow.start(WORKFLOW_TYPES.shipmentDispatcher, {
    workflowId: stack.names.dispatcherWorkflowId,
    taskQueue: stack.names.jobsQueue,
    args: [input],
  });
  const orders = await Promise.all(
    Array.from({ length: 5 }, () => place(stack, { items: { LAMP: 1 }, token: 'tok_ok' })),
  );
  for (const order of orders) expect(await order.handle.result()).toEqual({ status: 'fulfilled' });

  const latest = stack.temporal.client.workflow.getHandle(stack.names.dispatcherWorkflowId);
  await waitFor(async () => {
    const metadata = await latest.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return metadata.currentDetails?.includes('Waiting for shipments.');
  });
  const runs = stack.temporal.client.workflow.getHandle(first.workflowId, first.firstExecutionRunId);
  await waitFor(async () => (await runs.describe()).status.name === 'CONTINUED_AS_NEW');
  await keepHistory(runs, 'dispatcher');
  expect((await latest.describe()).status.name).toBe('RUNNING');
});
