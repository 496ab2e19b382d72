import type { WorkflowHandle } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createWarehousingActivities } from '../../activities/warehousing';
import { cancelReturn } from '../../domain/warehousing/returns/end';
import { readReturn } from '../../domain/warehousing/returns/views';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { authorise, comesIn, inspect, runOut } from '../returns/support';
import type { Path } from '../replay/paths';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { reconcile, reconciled } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { place } from './order';

let stack: Stack;
let sku = 0;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

interface RunningReturn {
  id: string;
  sku: string;
  handle: WorkflowHandle;
  /** What an operator reads in the Temporal UI. */
  says(words: string): Promise<unknown>;
  closed(path: Path): Promise<unknown>;
}

/** A return of 3 shipped units, as the API authorises it. */
async function authorised(): Promise<RunningReturn> {
  const name = `LAMP-${++sku}`;
  await addStock(stack.db, name, 'AMS', 10);
  const order = await place(stack, { items: { [name]: 3 }, token: 'tok_ok' });
  await order.until('fulfilled');
  const { id } = await authorise(stack.db, order.orderId, { [name]: 3 });
  const handle = stack.temporal.client.workflow.getHandle(stack.names.returnWorkflowId(id));
  return {
    id,
    sku: name,
    handle,
    says: (words) =>
      waitFor(async () => {
        const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
        if (!metadata.currentDetails?.includes(words)) throw new Error(metadata.currentDetails);
        return true;
      }),
    async closed(path) {
      const result: unknown = await handle.result();
      await keepHistory(handle, path);
      return result;
    },
  };
}

test('the workflow of a return starts by itself, says what it waits for, and ends when all is inspected', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods: 3 units may come in.');
  await comesIn(stack.db, goods.id, { [goods.sku]: 2 });
  await goods.says('Waiting for the inspection of 2 units and for 1 unit more to come in.');
  await inspect(stack.db, goods.id, [{ sku: goods.sku, restock: 1, writeOff: 1 }]);
  await goods.says('Waiting for 1 unit more to come in.');
  await comesIn(stack.db, goods.id, { [goods.sku]: 1 });
  await goods.says('Waiting for the inspection of 1 unit.');
  await inspect(stack.db, goods.id, [{ sku: goods.sku, restock: 1, writeOff: 0 }]);
  expect(await goods.closed('return-restocked')).toEqual({
    status: 'completed',
    restocked: 2,
    writtenOff: 1,
  });
});

test('a durable timer ends the wait when the authorisation runs out', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods');
  await stack.db.pool.query(
    `update customer_returns set expires_at = clock_timestamp() + interval '1 second' where id = $1`,
    [goods.id],
  );
  // It learns of the nearer time by the next signal.
  await goods.handle.signal('wake');
  expect(await goods.closed('return-expired')).toEqual({ status: 'expired', restocked: 0, writtenOff: 0 });
});

test('goods that are here when it runs out are still waited for until they are inspected', async () => {
  const goods = await authorised();
  await comesIn(stack.db, goods.id, { [goods.sku]: 1 });
  await goods.says('and for 2 units more');
  await runOut(stack.db, goods.id);
  await goods.handle.signal('wake');
  await goods.says('Waiting for the inspection of 1 unit.');
  await inspect(stack.db, goods.id, [{ sku: goods.sku, restock: 1, writeOff: 0 }]);
  expect(await goods.closed('return-expired-in-part')).toMatchObject({ status: 'completed' });
});

test('a return that is called off ends its workflow', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods');
  await cancelReturn(stack.db, { returnId: goods.id, actor: 'clerk' });
  expect(await goods.closed('return-cancelled')).toMatchObject({ status: 'cancelled' });
});

test('a workflow that was ended by hand is started again by the next step', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods');
  await goods.handle.terminate('by hand');
  await comesIn(stack.db, goods.id, { [goods.sku]: 3 });
  await goods.says('Waiting for the inspection of 3 units.');
  await inspect(stack.db, goods.id, [{ sku: goods.sku, restock: 3, writeOff: 0 }]);
  expect(await goods.closed('return-restarted')).toMatchObject({ status: 'completed', restocked: 3 });
});

test('the workflow of an overdue return that has none is started again, and the return expires', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods');
  await goods.handle.terminate('by hand');
  await stack.db.pool.query(
    `update customer_returns set expires_at = clock_timestamp() - interval '2 minutes' where id = $1`,
    [goods.id],
  );
  expect((await reconcile(stack, 'returns')).result).toEqual(reconciled({ looked: 1, restarted: 1 }));
  await waitFor(async () => (await readReturn(stack.db, goods.id))?.status === 'expired');
});

test('the upkeep of the stock takes expired lots out of sale, and removes uploads that broke off', async () => {
  await stack.db.pool.query(
    `insert into feeds (mode, uploading_for, touched_at)
     values ('set', gen_random_uuid(), clock_timestamp() - interval '1 hour')`,
  );
  const upkeep = await stack.temporal.client.workflow.start(WORKFLOW_TYPES.stockUpkeep, {
    workflowId: `${stack.names.scheduleId('stock-upkeep')}-by-hand`,
    taskQueue: stack.names.jobsQueue,
  });
  expect(await upkeep.result()).toEqual({ units: 0 });
  await keepHistory(upkeep, 'stock-upkeep');
  expect((await stack.db.pool.query('select from feeds where job_id is null')).rowCount).toBe(0);
});

test('steps that are taken while no worker runs are found when one starts', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods');
  await stack.stopWorker();
  await comesIn(stack.db, goods.id, { [goods.sku]: 3 });
  await inspect(stack.db, goods.id, [{ sku: goods.sku, restock: 3, writeOff: 0 }]);
  await stack.startWorker();
  expect(await goods.handle.result()).toMatchObject({ status: 'completed' });
});

test('each activity run again returns the same', async () => {
  const goods = await authorised();
  await goods.says('Waiting for the goods');
  await goods.handle.terminate('by hand');
  await runOut(stack.db, goods.id);
  const activities = createWarehousingActivities({ db: stack.db, expiryNearDays: 14 });
  const run = <T>(activity: () => Promise<T>) => new MockActivityEnvironment().run(activity);
  for (const activity of [
    () => activities.expireReturn(goods.id),
    () => activities.readReturn(goods.id),
    () => activities.forgetSettledWork(),
    () => activities.holdExpiredLots(),
  ]) {
    expect(await run<unknown>(activity)).toEqual(await run<unknown>(activity));
  }
});
