import { newId } from '../../platform/ids';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { onHandOf, openUploads, stagedRows, type Uploads } from './uploads';

let stack: Stack;
let feeds: Uploads;
beforeAll(async () => {
  stack = await startStack({ api: true, settings: { FEED_BATCH_ROWS: 2 } });
  feeds = openUploads(stack);
  for (const location of ['AMS', 'BER']) await addStock(stack.db, 'LAMP', location, 10);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

const CSV = 'sku,location,qty\n';

/** Each batch takes its time. */
const SLOW = `
  create function slow_feed() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return null; end $$;
  create trigger slow_feed after insert on inventory_transactions for each statement execute function slow_feed()`;

/** A feed of so many products that each have none, long enough to be interrupted. */
async function manyPieces(name: string, count: number): Promise<string> {
  await stack.db.pool.query(
    `insert into products (sku, name, price_minor, currency)
     select $1 || '-' || n, 'Piece', 100, 'USD' from generate_series(1, $2) n`,
    [name, count],
  );
  return CSV + Array.from({ length: count }, (_, n) => `${name}-${n + 1},AMS,9`).join('\n');
}

test('a job that is cancelled stops between two batches; what it did stays, and its result says how much', async () => {
  await stack.stopWorker();
  const { jobId } = await feeds.accepted(await manyPieces('PART', 400));
  await stack.db.pool.query(SLOW);
  try {
    await stack.startWorker();
    await waitFor(async () => (await feeds.job(jobId)).processed > 0);
    const asked = await feeds.send('POST', `/jobs/${jobId}/cancel`);
    expect(asked.status).toBe(202);
    expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
    const job = await feeds.ended(jobId);
    expect(job).toMatchObject({ status: 'cancelled', cancelRequested: true });
    const { applied, left } = job.result as { applied: number; left: number };
    expect(applied).toBeGreaterThan(0);
    expect(applied + left).toBe(400);
    const changed = await stack.db.pool.query(
      `select 1 from stock s join products p on p.id = s.product_id where p.sku like 'PART-%' and s.on_hand = 9`,
    );
    expect(changed.rowCount).toBe(applied);
    expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
  } finally {
    await stack.db.pool.query('drop function slow_feed cascade');
  }
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await handle.result();
  await keepHistory(handle, 'feed-cancelled');
  expect(await stagedRows(stack.db)).toBe(0);
});

test('a job that was made while no worker ran begins when one does', async () => {
  await stack.stopWorker();
  const { jobId } = await feeds.accepted(`${CSV}LAMP,AMS,31\nLAMP,BER,32`);
  expect(await feeds.job(jobId)).toMatchObject({ status: 'queued', progress: 0, result: null });
  await stack.startWorker();
  expect((await feeds.ended(jobId)).status).toBe('completed');
  expect(await onHandOf(stack.db, 'LAMP')).toEqual({ AMS: 31, BER: 32 });
});

test('a job whose workflow was terminated by hand can still be cancelled', async () => {
  await stack.db.pool.query(SLOW);
  const { jobId } = await feeds.accepted(await manyPieces('BIT', 400));
  try {
    await waitFor(async () => (await feeds.job(jobId)).status === 'running');
    await stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId)).terminate('by hand');
    expect((await feeds.send('POST', `/jobs/${jobId}/cancel`)).status).toBe(202);
    expect((await feeds.ended(jobId)).status).toBe('cancelled');
  } finally {
    await stack.db.pool.query('drop function slow_feed cascade');
  }
});

test('a workflow that is cancelled in the engine ends its job as cancelled', async () => {
  // Far more batches than are made until the activity hears of it, by a heartbeat.
  const feed = await manyPieces('PIECE', 600);
  await stack.db.pool.query(SLOW);
  const { jobId } = await feeds.accepted(feed);
  try {
    await waitFor(async () => (await feeds.job(jobId)).status === 'running');
    await stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId)).cancel();
    expect((await feeds.ended(jobId)).status).toBe('cancelled');
  } finally {
    await stack.db.pool.query('drop function slow_feed cascade');
  }
});

test('data that the database refuses, also as rejects, ends the job as failed, with what was applied before', async () => {
  await stack.db.pool.query(
    `alter table inventory_transactions add constraint no_feeds check (kind <> 'feed') not valid`,
  );
  await stack.db.pool.query(
    `alter table feed_rejects add constraint no_rejects check (code <> 'ROW_FAILED') not valid`,
  );
  const { jobId } = await feeds.accepted(`${CSV}LAMP,AMS,61\nLAMP,BER,62`);
  try {
    const job = await feeds.ended(jobId);
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'INVALID_DATA' },
      result: { applied: 0, left: 2 },
    });
  } finally {
    await stack.db.pool.query('alter table inventory_transactions drop constraint no_feeds');
    await stack.db.pool.query('alter table feed_rejects drop constraint no_rejects');
  }
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await expect(handle.result()).rejects.toThrow();
  await keepHistory(handle, 'feed-refused');
  expect(await stagedRows(stack.db)).toBe(0);
});

test('a job that has ended cannot be cancelled, and one that never was is not found', async () => {
  const { jobId } = await feeds.accepted(`${CSV}LAMP,AMS,31`);
  await feeds.ended(jobId);
  const refused = await feeds.send('POST', `/jobs/${jobId}/cancel`);
  expect([refused.status, refused.body['code']]).toEqual([409, 'JOB_ENDED']);
  for (const path of [
    `/jobs/${newId()}`,
    `/jobs/${newId()}/events`,
    `/downloads/${newId()}.csv`,
    `/downloads/${jobId}.sql`,
  ]) {
    expect((await feeds.get(path)).status).toBe(404);
  }
  expect((await feeds.send('POST', `/jobs/${newId()}/cancel`)).status).toBe(404);
});

test('the list of jobs is newest first, by pages, by type and by status', async () => {
  const all = await feeds.list('?limit=100&type=feed');
  expect(all.items.length).toBeGreaterThan(3);
  const first = await feeds.list('?limit=2');
  const second = await feeds.list(`?limit=2&cursor=${first.nextCursor}`);
  expect([...first.items, ...second.items]).toEqual(all.items.slice(0, 4));
  const cancelled = await feeds.list('?status=cancelled');
  expect(new Set(cancelled.items.map((job) => job.status))).toEqual(new Set(['cancelled']));
  expect((await feeds.list('?type=consistency')).items).toEqual([]);
  expect((await feeds.get('/jobs?type=unknown')).status).toBe(422);
});
