import type { WorkflowHandle } from '@temporalio/client';
import type { ReconcileResult } from '../../activities/reconcile';
import { cancelTransfer } from '../../domain/stock/transfers/cancel';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer } from '../../domain/stock/transfers/start';
import { readTransfer } from '../../domain/stock/transfers/views';
import { newId } from '../../platform/ids';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { reconcile, reconciled } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { withStock } from '../support/stock';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  await addStock(stack.db, 'LAMP', 'AMS', 1_000);
  await addStock(stack.db, 'LAMP', 'BER', 0);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

async function start(quantity: number, transitSeconds = 3_600) {
  const { id } = await startTransfer(withStock(stack.db), {
    transferId: newId(),
    sku: 'LAMP',
    from: 'AMS',
    to: 'BER',
    quantity,
    mode: 'in_transit',
    actor: 'tester',
    transitSeconds,
  });
  const handle = stack.temporal.client.workflow.getHandle(stack.names.transferWorkflowId(id));
  async function details(): Promise<string> {
    const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return metadata.currentDetails ?? '';
  }
  return {
    id,
    handle,
    details,
    says: (words: string) => waitFor(async () => (await details()).includes(words)),
    receive: (units: { quantity?: number; lost?: number } = {}) =>
      receiveTransfer(withStock(stack.db), { transferId: id, receiptId: newId(), actor: 'tester', ...units }),
    cancel: () => cancelTransfer(withStock(stack.db), { transferId: id, actor: 'tester' }),
  };
}

async function alertOf(id: string): Promise<string[]> {
  const found = await stack.db.pool.query<{ status: string }>(
    `select status from alerts where kind = 'transfer_overdue' and details -> 'transferIds' ? $1`,
    [id],
  );
  return found.rows.map((row) => row.status);
}

async function timersFired({ handle }: { handle: WorkflowHandle }): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event.timerFiredEventAttributes).length;
}

async function timersStarted({ handle }: { handle: WorkflowHandle }): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event.timerStartedEventAttributes).length;
}

/** It is expected so many seconds from now; a workflow that runs is told of it. */
async function expectIn(
  { id, handle }: { id: string; handle: WorkflowHandle },
  seconds: number,
): Promise<void> {
  await stack.db.pool.query(
    'update transfers set expected_at = clock_timestamp() + make_interval(secs => $2) where id = $1',
    [id, seconds],
  );
  await handle.signal('wake');
}

const touchedLongAgo = (id: string) =>
  stack.db.pool.query(`update transfers set updated_at = updated_at - interval '1 hour' where id = $1`, [id]);

async function reconcileTransfers(): Promise<ReconcileResult> {
  const { result, handle } = await reconcile(stack, 'transfers');
  await keepHistory(handle, 'reconcile-transfers');
  return result;
}

test('a transfer has a workflow until it is received, which says what it waits for', async () => {
  const transfer = await start(4);
  await transfer.says('Waiting for BER to receive 4 of 4, expected by');
  const { staticSummary } = (await transfer.handle.describe()) as unknown as {
    staticSummary?: () => Promise<string>;
  };
  expect(await staticSummary?.()).toBe('4 × LAMP from AMS to BER');
  await transfer.receive();
  expect(await transfer.handle.result()).toEqual({ status: 'completed', received: 4, lost: 0, returned: 0 });
  expect(await transfer.details()).toContain('Completed.\n\n4 received');
  await keepHistory(transfer.handle, 'transfer-received');
});

test('a transfer that does not arrive in time raises an alert, goes on waiting, and ends with its last unit', async () => {
  const transfer = await start(5);
  await transfer.says('Waiting for BER to receive 5 of 5');
  await transfer.receive({ quantity: 2 });
  await transfer.says('receive 3 of 5, expected by');
  await expectIn(transfer, 1);
  await transfer.says('receive 3 of 5, **overdue** since');
  expect(await alertOf(transfer.id)).toEqual(['open']);
  await transfer.receive({ quantity: 1, lost: 1 });
  await transfer.says('receive 1 of 5, **overdue**');
  expect((await transfer.handle.describe()).status.name).toBe('RUNNING');
  await transfer.receive();
  expect(await transfer.handle.result()).toEqual({ status: 'completed', received: 4, lost: 1, returned: 0 });
  expect(await alertOf(transfer.id)).toEqual(['resolved']);
  await keepHistory(transfer.handle, 'transfer-in-parts-overdue');
});

test('a transfer that is overdue can be called back', async () => {
  const transfer = await start(5, 1);
  await transfer.says('**overdue**');
  await transfer.cancel();
  expect(await transfer.handle.result()).toEqual({ status: 'cancelled', received: 0, lost: 0, returned: 5 });
  expect(await transfer.details()).toContain('Cancelled.');
  expect(await alertOf(transfer.id)).toEqual(['resolved']);
  await keepHistory(transfer.handle, 'transfer-overdue-cancelled');
});

test('a timer that ends before PostgreSQL says so is armed again and raises nothing', async () => {
  const transfer = await start(1);
  await transfer.says('expected by');
  await expectIn(transfer, 3);
  await waitFor(async () => (await timersStarted(transfer)) === 2);
  await stack.db.pool.query(
    `update transfers set expected_at = expected_at + interval '2 seconds' where id = $1`,
    [transfer.id],
  );
  await waitFor(async () => (await timersFired(transfer)) === 1);
  expect(await alertOf(transfer.id)).toEqual([]);
  await transfer.says('**overdue**');
  await transfer.cancel();
  await transfer.handle.result();
  await keepHistory(transfer.handle, 'transfer-timer-early');
});

test('an immediate transfer needs no workflow', async () => {
  const transferId = newId();
  const request = { sku: 'LAMP', from: 'AMS', to: 'BER', quantity: 1, actor: 'tester', transitSeconds: 1 };
  await startTransfer(withStock(stack.db), { ...request, transferId, mode: 'immediate' });
  const left = await stack.db.pool.query('select 1 from outbox where key = $1', [transferId]);
  expect(left.rowCount).toBe(0);
});

test('a workflow that was terminated is started again by the reconciler, and knows what had arrived', async () => {
  const transfer = await start(3);
  await transfer.says('Waiting');
  await transfer.receive({ quantity: 1 });
  await transfer.says('receive 2 of 3');
  await transfer.handle.terminate('by hand');
  expect(await reconcileTransfers()).toEqual(reconciled({ looked: 0, restarted: 0 }));
  await touchedLongAgo(transfer.id);
  expect(await reconcileTransfers()).toEqual(reconciled({ looked: 1, restarted: 1 }));
  await transfer.says('receive 2 of 3');
  await transfer.receive();
  expect(await transfer.handle.result()).toMatchObject({ status: 'completed', received: 3 });
  await keepHistory(transfer.handle, 'transfer-restarted');
});

test('a workflow that was terminated is started again by a receipt in part', async () => {
  const transfer = await start(3);
  await transfer.says('Waiting');
  await transfer.handle.terminate('by hand');
  await transfer.receive({ quantity: 1 });
  await transfer.says('receive 2 of 3');
  await transfer.cancel();
  expect(await transfer.handle.result()).toMatchObject({ status: 'cancelled', received: 1, returned: 2 });
});

test('one whose workflow is gone while it falls due is found soon, and then overdue', async () => {
  const transfer = await start(3, 1);
  await transfer.says('Waiting');
  await transfer.handle.terminate('by hand');
  await stack.db.pool.query(
    `update transfers set updated_at = updated_at - interval '1 hour', expected_at = expected_at - interval '1 hour',
       checked_at = clock_timestamp() - interval '31 seconds', overdue_at = null where id = $1`,
    [transfer.id],
  );
  expect(await reconcileTransfers()).toEqual(reconciled({ looked: 1, restarted: 1 }));
  await transfer.says('**overdue**');
  expect(await alertOf(transfer.id)).toEqual(['open']);
  await transfer.cancel();
  await transfer.handle.result();
});

test('the reconciler leaves a workflow that runs alone', async () => {
  const transfer = await start(3);
  await transfer.says('Waiting');
  const { runId } = await transfer.handle.describe();
  await touchedLongAgo(transfer.id);
  expect(await reconcileTransfers()).toEqual(reconciled({ looked: 1, restarted: 0 }));
  expect((await transfer.handle.describe()).runId).toBe(runId);
  await transfer.cancel();
  await transfer.handle.result();
});

test('a transfer that is received before anybody could follow it leaves no workflow behind', async () => {
  await stack.stopWorker();
  const transfer = await start(2);
  await transfer.receive();
  await stack.startWorker();
  await waitFor(async () => {
    const left = await stack.db.pool.query('select 1 from outbox where key = $1', [transfer.id]);
    return left.rowCount === 0;
  });
  await expect(transfer.handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
});

test('what happens while no worker runs is found out when one does', async () => {
  const transfer = await start(4);
  await transfer.says('Waiting');
  await stack.stopWorker();
  await transfer.receive({ quantity: 1 });
  await expectIn(transfer, 0);
  expect(await alertOf(transfer.id)).toEqual([]);
  await stack.startWorker();
  await transfer.says('receive 3 of 4, **overdue**');
  expect(await alertOf(transfer.id)).toEqual(['open']);
  await transfer.receive({ lost: 3 });
  expect(await transfer.handle.result()).toEqual({ status: 'completed', received: 1, lost: 3, returned: 0 });
  expect(await readTransfer(stack.db, transfer.id)).toMatchObject({ received: 1, lost: 3 });
  await keepHistory(transfer.handle, 'transfer-worker-away');
});
