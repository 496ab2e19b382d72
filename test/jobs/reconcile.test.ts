import type { ReconcileResult } from '../../activities/reconcile';
import { createJob } from '../../domain/jobs/jobs';
import type { JobType } from '../../domain/jobs/types';
import { newId } from '../../platform/ids';
import { openBarriers, type Barriers } from '../faults/barrier';
import { manyParts, slowDown, speedUp } from '../feeds/slow-database';
import { openUploads, type Uploads } from '../feeds/uploads';
import { keepHistory } from '../replay/record';
import { expectInvariants } from '../support/invariants';
import { reconcile, reconciled } from '../support/reconcile';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { AS_ADMIN } from '../support/access-keys';

const ROWS = 60;

let stack: Stack;
let feeds: Uploads;
let barriers: Barriers;
let feed: string;
beforeAll(async () => {
  stack = await startStack({
    api: true,
    settings: { FEED_BATCH_ROWS: 5, FEED_LANES: 1, FEED_SLOW_BATCH_MS: 1_000 },
  });
  feeds = openUploads(stack);
  barriers = openBarriers(stack.databaseUrl);
  feed = await manyParts(stack.db, ROWS);
});
afterAll(() => stack.stop());
afterEach(async () => {
  await barriers.releaseAll();
  await expectInvariants(stack.db);
});

function workflow(jobId: string) {
  return stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
}

/** Runs the reconciler as its schedule does, an hour after the job was made. */
async function reconcileLater(jobId: string): Promise<ReconcileResult> {
  await stack.db.pool.query(
    `update jobs set created_at = created_at - interval '1 hour', started_at = started_at - interval '1 hour' where id = $1`,
    [jobId],
  );
  const { result, handle } = await reconcile(stack, 'jobs');
  await keepHistory(handle, 'reconcile-jobs');
  return result;
}

const RESTARTED = reconciled({ looked: 1, restarted: 1 });
const LEFT_ALONE = reconciled({ looked: 1 });

/** A delta feed of a unit for each part, half-way: rows are applied, and the next batch waits at a barrier. */
async function halfWay(): Promise<string> {
  const barrier = await barriers.block(
    `insert into stock (product_id, warehouse_id)
     select p.id, w.id from products p, warehouses w where p.sku = 'PART-30' and w.code = 'AMS'
     on conflict (product_id, warehouse_id) do update set on_hand = stock.on_hand`,
  );
  const { jobId } = await feeds.accepted(feed, { query: '?mode=delta' });
  await barrier.reached();
  await waitFor(async () => (await ledgerOf(jobId)).rows === 30);
  return jobId;
}

async function ledgerOf(jobId: string): Promise<{ rows: number; parts: number; units: number }> {
  const found = await stack.db.pool.query<{ rows: number; parts: number; units: number }>(
    `select count(*)::int as rows, count(distinct product_id)::int as parts, coalesce(sum(on_hand_delta), 0)::int as units
     from inventory_transactions where kind = 'feed' and reference = $1`,
    [jobId],
  );
  return found.rows[0]!;
}

/** A job of which nothing ever told the relay. */
async function neverStarted(type: JobType, input: Record<string, unknown>): Promise<string> {
  const id = newId();
  await stack.db.transaction(async (tx) => {
    await createJob(tx, { id, type, input, actor: 'test' });
    await tx.query({ name: 'test.lose_message', text: 'delete from outbox where key = $1', values: [id] });
  });
  return id;
}

test('a feed whose workflow is terminated half-way is completed, and every row is applied once', async () => {
  const jobId = await halfWay();
  await workflow(jobId).terminate('by hand');
  // What the worker was at when it was terminated is still under way.
  expect(await reconcileLater(jobId)).toEqual(RESTARTED);
  await barriers.releaseAll();
  expect(await feeds.ended(jobId)).toMatchObject({
    status: 'completed',
    result: { applied: ROWS, rejected: 0, left: 0 },
  });
  expect(await ledgerOf(jobId)).toEqual({ rows: ROWS, parts: ROWS, units: ROWS });
  await workflow(jobId).result();
});

test('a feed whose cancellation was requested before its workflow was terminated ends as cancelled, and says what it did', async () => {
  const jobId = await halfWay();
  expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
  await waitFor(async () => {
    const left = await stack.db.pool.query('select from outbox where key = $1', [jobId]);
    return left.rowCount === 0;
  });
  await workflow(jobId).terminate('by hand');
  expect(await reconcileLater(jobId)).toEqual(RESTARTED);
  await barriers.releaseAll();
  const job = await feeds.ended(jobId);
  expect(job.status).toBe('cancelled');
  const { applied, left } = job.result as { applied: number; left: number };
  expect(applied + left).toBe(ROWS);
  expect(applied).toBeLessThan(ROWS);
  expect(await ledgerOf(jobId)).toEqual({ rows: applied, parts: applied, units: applied });
  await workflow(jobId).result();
});

test('a consistency check whose workflow is terminated goes on with the checks that are left', async () => {
  const checks = ['phantom_stock', 'transfers_lost_units', 'outbox_stuck'];
  const barrier = await barriers.block('lock table transfers in access exclusive mode');
  const reply = await fetch(`${stack.url}/jobs/consistency`, {
    method: 'POST',
    headers: { ...AS_ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ mode: 'full', checks }),
  });
  const { jobId } = (await reply.json()) as { jobId: string };
  await barrier.reached();
  const ran = async () => {
    const text = `select check_id as id, started_at as at from consistency_checks where job_id = $1 order by started_at`;
    return (await stack.db.pool.query<{ id: string; at: Date }>(text, [jobId])).rows;
  };
  // Something else may be what waits for the lock.
  const before = await waitFor(async () => {
    const done = await ran();
    return done.length > 0 ? done : null;
  });
  expect(before.map(({ id }) => id)).toEqual(['phantom_stock']);
  await workflow(jobId).terminate('by hand');
  expect(await reconcileLater(jobId)).toEqual(RESTARTED);
  await barriers.releaseAll();
  expect(await feeds.ended(jobId)).toMatchObject({
    status: 'completed',
    result: { findings: 0, checks: checks.map((id) => ({ id })) },
  });
  expect((await ran())[0]).toEqual(before[0]);
  await workflow(jobId).result();
});

test('a job whose start message was lost is started', async () => {
  const jobId = await neverStarted('consistency', { mode: 'full', checks: ['phantom_stock'] });
  expect(await feeds.job(jobId)).toMatchObject({ status: 'queued' });
  expect(await reconcileLater(jobId)).toEqual(RESTARTED);
  expect(await feeds.ended(jobId)).toMatchObject({ status: 'completed' });
  await workflow(jobId).result();
  expect(await reconcileLater(jobId)).toEqual(reconciled({}));
});

test('an import that is paused by its circuit breaker is left alone', async () => {
  await slowDown(stack.db, 1.2);
  const { jobId } = await feeds.accepted(feed, { query: '?mode=delta' });
  await waitFor(async () => (await feeds.job(jobId)).details['breaker'] === 'open', 60_000);
  const { runId } = await workflow(jobId).describe();
  expect(await reconcileLater(jobId)).toEqual(LEFT_ALONE);
  await speedUp(stack.db);
  expect(await feeds.ended(jobId)).toMatchObject({ status: 'completed' });
  expect((await workflow(jobId).describe()).runId).toBe(runId);
  expect(await ledgerOf(jobId)).toEqual({ rows: ROWS, parts: ROWS, units: ROWS });
});

test('a job that its workflow has failed to end is ended as failed, and not started again', async () => {
  // There is no feed of this job: neither can it be imported, nor its end be told.
  const jobId = await neverStarted('feed', {});
  expect(await reconcileLater(jobId)).toEqual(RESTARTED);
  await expect(workflow(jobId).result()).rejects.toThrow();
  const { runId } = await workflow(jobId).describe();
  expect(await feeds.job(jobId)).toMatchObject({ status: 'running' });
  expect(await reconcileLater(jobId)).toEqual(reconciled({ looked: 1, ended: 1 }));
  expect(await feeds.job(jobId)).toMatchObject({ status: 'failed', error: { code: 'WORKFLOW_FAILED' } });
  expect((await workflow(jobId).describe()).runId).toBe(runId);
});

test('a job that was set back with its database, after its workflow had completed, ends again', async () => {
  const jobId = await neverStarted('consistency', { mode: 'full', checks: ['phantom_stock'] });
  await reconcileLater(jobId);
  await workflow(jobId).result();
  await stack.db.pool.query(
    `update jobs set status = 'running', finished_at = null, result = null where id = $1`,
    [jobId],
  );
  expect(await reconcileLater(jobId)).toEqual(RESTARTED);
  expect(await feeds.ended(jobId)).toMatchObject({ status: 'completed', result: { findings: 0 } });
  await workflow(jobId).result();
});
