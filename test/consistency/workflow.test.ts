import { CHECK_IDS } from '../../domain/assurance/types';
import { newId } from '../../platform/ids';
import { createEngineClient } from '../../platform/temporal/engine-client';
import { ensureJobWorkflow } from '../../worker/ensure/ensure-job-workflow';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { callApi, type CallOptions } from '../api/support';
import { keepHistory } from '../replay/record';
import type { Path } from '../replay/paths';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { place } from '../workflows/order';
import { applyScript, slowTransfers, tamper } from './support';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true });
  await addStock(stack.db, 'LAMP', 'AMS', 50);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

interface JobBody {
  jobId: string;
  status: string;
  progress: number;
  downloadUrl: string | null;
  result: { mode: string; findings: number; repairable: number; checks: { id: string; findings: number }[] };
}

async function call(method: string, path: string, options?: CallOptions) {
  const reply = await callApi(stack.url.replace('/api/v1', ''), method, path, options);
  // What a job answers is looked at as such.
  return { ...reply, job: reply.body as unknown as JobBody };
}

function jobWorkflow(jobId: string) {
  return stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
}

/** Runs a job to its end. */
async function run(body: object, path?: Path): Promise<JobBody> {
  const accepted = await call('POST', '/jobs/consistency', { body });
  expect(accepted.status).toBe(202);
  const { jobId } = accepted.job;
  expect(accepted.headers.get('location')).toBe(`/api/v1/jobs/${jobId}`);
  await waitFor(async () =>
    ['completed', 'cancelled', 'failed'].includes((await call('GET', `/jobs/${jobId}`)).job.status),
  );
  await jobWorkflow(jobId).result();
  if (path) await keepHistory(jobWorkflow(jobId), path);
  return (await call('GET', `/jobs/${jobId}`)).job;
}

const drift = (units: number) => `update stock set reserved = reserved + ${units}`;

test('a job of all checks completes without findings, with every check in its result', async () => {
  const order = await place(stack, { items: { LAMP: 2 } });
  await order.until('reserved');
  const job = await run({}, 'consistency-clean');
  expect(job).toMatchObject({
    status: 'completed',
    progress: 100,
    downloadUrl: null,
    result: { mode: 'incremental', findings: 0, repairable: 0 },
  });
  expect(job.result.checks.map((check) => check.id)).toEqual([...CHECK_IDS]);
  await order.cancel();
  await order.handle.result();
});

test('findings are listed, raise an alert, and are gone, as the alert is, once the script was applied', async () => {
  await tamper(stack.databaseUrl, drift(3));
  const job = await run({ mode: 'full' }, 'consistency-findings');
  expect(job).toMatchObject({ status: 'completed', result: { findings: 2, repairable: 2 } });
  const { jobId } = job;

  const page = await call('GET', `/jobs/${jobId}/findings?limit=1`);
  expect(page.body).toMatchObject({
    items: [
      {
        check: 'reserved_ledger',
        severity: 'critical',
        subject: 'LAMP@AMS',
        details: { counter: 3, ledger: 0 },
        repairable: true,
      },
    ],
  });
  const rest = await call('GET', `/jobs/${jobId}/findings?cursor=${page.body.nextCursor}`);
  expect(rest.body).toMatchObject({ items: [{ check: 'reserved_holds' }], nextCursor: null });
  const only = await call('GET', `/jobs/${jobId}/findings?check=on_hand_ledger`);
  expect(only.body.items).toEqual([]);
  expect((await call('GET', `/jobs/${jobId}/findings?check=nonsense`)).status).toBe(422);

  const alerts = async (status: string) =>
    (await call('GET', `/inventory/alerts?status=${status}&kind=ledger_drift`)).body.items;
  expect(await alerts('open')).toMatchObject([{ sku: 'LAMP', location: 'AMS', details: { jobId } }]);

  const script = await call('GET', `//api/v1/downloads/${jobId}.sql`);
  expect(script).toMatchObject({ status: 200 });
  expect(script.text).toContain('LAMP@AMS');
  expect(job.downloadUrl).toBe(`/api/v1/downloads/${jobId}.sql`);
  // As it is, in one go, as psql would.
  await tamper(stack.databaseUrl, 'set session_replication_role = origin', script.text);
  expect((await run({ mode: 'incremental' })).result.findings).toBe(0);
  expect(await alerts('open')).toEqual([]);
  expect(await alerts('resolved')).toHaveLength(1);
});

test('a job that is cancelled stops what PostgreSQL does for it, and keeps what it has found', async () => {
  const undo = await slowTransfers(stack.databaseUrl);
  try {
    const checks = ['phantom_stock', 'transfers_lost_units', 'outbox_stuck'];
    const { job } = await call('POST', '/jobs/consistency', { body: { checks } });
    await waitFor(async () => (await call('GET', `/jobs/${job.jobId}`)).job.progress === 33);
    const reply = await call('POST', `/jobs/${job.jobId}/cancel`);
    expect(reply.status).toBe(202);
    await jobWorkflow(job.jobId).result();
    await keepHistory(jobWorkflow(job.jobId), 'consistency-cancelled');
    const ended = (await call('GET', `/jobs/${job.jobId}`)).job;
    expect(ended).toMatchObject({ status: 'cancelled', result: { findings: 0 } });
    expect(ended.result.checks.map((check) => check.id)).toEqual(['phantom_stock']);
    const busy = await stack.db.pool.query(
      `select from pg_stat_activity where datname = current_database() and state = 'active' and query like '%from transfers%' and pid <> pg_backend_pid()`,
    );
    expect(busy.rowCount).toBe(0);
  } finally {
    await undo();
  }
});

test('a job whose workflow is cancelled in the engine ends as cancelled', async () => {
  const undo = await slowTransfers(stack.databaseUrl);
  try {
    const { job } = await call('POST', '/jobs/consistency', { body: { checks: ['transfers_lost_units'] } });
    await waitFor(async () => (await call('GET', `/jobs/${job.jobId}`)).job.status === 'running');
    await jobWorkflow(job.jobId).cancel();
    await waitFor(async () => (await call('GET', `/jobs/${job.jobId}`)).job.status !== 'running');
    expect((await call('GET', `/jobs/${job.jobId}`)).job.status).toBe('cancelled');
  } finally {
    await undo();
  }
});

test('a job that is cancelled in the engine before it has begun ends as cancelled', async () => {
  await stack.stopWorker();
  const { job } = await call('POST', '/jobs/consistency', { body: { checks: ['phantom_stock'] } });
  const { db, names, temporal } = stack;
  await ensureJobWorkflow({ db, names, engine: createEngineClient(temporal.client) }, job.jobId);
  await jobWorkflow(job.jobId).cancel();
  await stack.startWorker();
  await jobWorkflow(job.jobId).result();
  await keepHistory(jobWorkflow(job.jobId), 'consistency-cancelled-at-the-start');
  expect((await call('GET', `/jobs/${job.jobId}`)).job.status).toBe('cancelled');
});

test('a check that PostgreSQL refuses ends the job as failed, with what was found before', async () => {
  await tamper(
    stack.databaseUrl,
    'alter table transfers rename to real_transfers',
    'create view transfers as select * from real_transfers where current_user::text::int = 0',
  );
  try {
    const checks = ['phantom_stock', 'transfers_lost_units', 'outbox_stuck'];
    const { job } = await call('POST', '/jobs/consistency', { body: { checks } });
    const ended = await waitFor(async () => {
      const { body } = await call('GET', `/jobs/${job.jobId}`);
      return body.status === 'failed' ? body : undefined;
    });
    expect(ended).toMatchObject({
      error: { code: 'INVALID_DATA', detail: expect.stringContaining('integer') as string },
      result: { findings: 0, checks: [{ id: 'phantom_stock' }] },
    });
    await expect(jobWorkflow(job.jobId).result()).rejects.toThrow();
    await keepHistory(jobWorkflow(job.jobId), 'consistency-refused');
  } finally {
    await tamper(stack.databaseUrl, 'drop view transfers', 'alter table real_transfers rename to transfers');
  }
});

test('an open order without a workflow and a workflow without an open order are found, and woken', async () => {
  const [lost, ended] = [
    await place(stack, { items: { LAMP: 1 } }),
    await place(stack, { items: { LAMP: 1 } }),
  ];
  for (const order of [lost, ended]) {
    await order.until('reserved');
    await waitFor(async () => (await order.details()).includes('Waiting for'));
  }
  await lost.handle.terminate('by hand');
  const { orderId } = ended;
  // What the saga would have done, without it.
  await tamper(
    stack.databaseUrl,
    `update reservation_lines set open_quantity = 0 where reservation_id in (select id from reservations where order_id = '${orderId}')`,
    `update reservations set status = 'cancelled' where order_id = '${orderId}'`,
    `update order_items set reserved_quantity = 0, cancelled_quantity = quantity where order_id = '${orderId}'`,
    `update orders set status = 'cancelled' where id = '${orderId}'`,
    'update stock set reserved = reserved - 1',
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, warehouse_id, 'release', 0, -1, '${orderId}' from stock`,
    `insert into ledger_keys values ('release:${orderId}')`,
    `update orders set updated_at = updated_at - interval '1 hour'`,
  );
  const { jobId, result } = await run({ mode: 'full' });
  expect(result.findings).toBe(2);
  const { body } = await call('GET', `/jobs/${jobId}/findings`);
  expect(body.items).toMatchObject([
    { check: 'workflow_gone', subject: `order:${lost.orderId}`, details: { workflow: 'gone' } },
    { check: 'workflow_outlives_order', subject: `order:${orderId}`, details: { workflow: 'running' } },
  ]);
  await applyScript(stack.databaseUrl, { db: stack.db }, jobId);
  await ended.handle.result();
  await waitFor(async () => (await lost.handle.describe()).status.name === 'RUNNING');
  await lost.cancel();
  await lost.handle.result();
});

test('the schedules seal the ledger and ask for a check', async () => {
  const { client } = stack.temporal;
  const start = (type: string, id: string) =>
    client.workflow.start(type, { workflowId: `${id}-by-hand`, taskQueue: stack.names.jobsQueue });
  const [sealing, verifying] = [
    stack.names.scheduleId('seal-ledger'),
    stack.names.scheduleId('verify-consistency'),
  ];
  for (const id of [sealing, verifying]) {
    expect((await client.schedule.getHandle(id).describe()).spec.intervals).toHaveLength(1);
  }
  await waitFor(async () => {
    const seal = await start(WORKFLOW_TYPES.ledgerSeal, `${sealing}-${newId()}`);
    await seal.result();
    await keepHistory(seal, 'ledger-seal');
    const found = await stack.db.pool.query('select from ledger_seals');
    return (found.rowCount ?? 0) > 0;
  });

  const asking = await start(WORKFLOW_TYPES.scheduledConsistency, verifying);
  const { jobId } = (await asking.result()) as { jobId: string };
  await keepHistory(asking, 'consistency-scheduled');
  await waitFor(async () => (await call('GET', `/jobs/${jobId}`)).job.status === 'completed');
  expect((await call('GET', `/jobs/${jobId}`)).job.result.findings).toBe(0);
});

describe('a request for a check', () => {
  test.each([
    [{ mode: 'quick' }, 'mode'],
    [{ checks: [] }, 'checks'],
    [{ checks: ['nonsense'] }, 'checks.0'],
    [{ checks: 'seals' }, 'checks'],
    [{ mod: 'full' }, 'mod'],
    [[], ''],
  ])('%j is refused', async (body, path) => {
    const reply = await call('POST', '/jobs/consistency', { body });
    expect({ status: reply.status, code: reply.body.code }).toEqual({
      status: 422,
      code: 'VALIDATION_FAILED',
    });
    expect(reply.body.errors[0]?.path).toBe(path);
  });

  test('with a key makes one job, and is refused with another body', async () => {
    const headers = { 'idempotency-key': newId() };
    const checks = ['phantom_stock'];
    const [first, again] = [
      await call('POST', '/jobs/consistency', { body: { checks }, headers }),
      await call('POST', '/jobs/consistency', { body: { checks }, headers }),
    ];
    expect(again.job.jobId).toBe(first.job.jobId);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await call('POST', '/jobs/consistency', { body: { mode: 'full' }, headers });
    expect(other.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    await waitFor(async () => (await call('GET', `/jobs/${first.job.jobId}`)).job.status === 'completed');
  });

  test('has its findings nowhere but at a consistency job', async () => {
    expect((await call('GET', `/jobs/${newId()}/findings`)).status).toBe(404);
    expect((await call('GET', '/jobs/1/findings')).status).toBe(404);
  });
});
