import {
  beginJob,
  cancelJob,
  completeJob,
  createJob,
  failJob,
  isCancelRequested,
  listJobs,
  readJob,
  reportProgress,
  requestCancel,
} from '../../domain/jobs/jobs';
import { newId } from '../../platform/ids';
import { twice } from '../db/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());
afterEach(() => expectInvariants(shop.db));

async function newJob(): Promise<string> {
  const { jobId } = await createJob(shop.db, { id: newId(), type: 'feed', input: { a: 1 }, actor: 'test' });
  return jobId;
}

async function messages(jobId: string): Promise<number> {
  const found = await shop.db.pool.query(`select 1 from outbox where topic = 'job.start' and key = $1`, [
    jobId,
  ]);
  return found.rowCount ?? 0;
}

test('a job is made once by its id, with one message that starts it', async () => {
  const id = newId();
  const [first, second] = await twice(shop.db, () =>
    createJob(shop.db, { id, type: 'consistency', input: {}, actor: 'test' }),
  );
  expect(first).toEqual(second);
  expect(first).toMatchObject({ jobId: id, type: 'consistency', status: 'queued', progress: 0, total: null });
  expect(await messages(id)).toBe(1);
});

test('a job that is rolled back leaves nothing, not even its message', async () => {
  const id = newId();
  const work = shop.db.transaction(async (tx) => {
    await createJob(tx, { id, type: 'feed', input: {}, actor: 'test' });
    throw new Error('no');
  });
  await expect(work).rejects.toThrow('no');
  expect([await readJob(shop.db, id), await messages(id)]).toEqual([null, 0]);
});

test('a job begins, tells its progress and is completed; each step again changes nothing', async () => {
  const id = await newJob();
  await twice(shop.db, () => beginJob(shop.db, id));
  const half = await reportProgress(shop.db, id, {
    processed: 50,
    total: 100,
    details: { rejected: 3, x: 1 },
  });
  expect(half).toMatchObject({ status: 'running', progress: 50, rejected: 3 });
  const all = await reportProgress(shop.db, id, { processed: 100, details: { x: 2 } });
  expect(all).toMatchObject({ progress: 99, total: 100, rejected: 3, details: { rejected: 3, x: 2 } });
  const [done] = await twice(shop.db, () => completeJob(shop.db, id, { result: { a: 1 }, file: 'csv' }));
  expect(done).toMatchObject({
    status: 'completed',
    progress: 100,
    result: { a: 1 },
    file: 'csv',
    error: null,
  });
  expect(done.version).toBeGreaterThan(all.version);
});

test('the first end of a job stays, and no report changes it any more', async () => {
  const ends = {
    completed: (id: string) => completeJob(shop.db, id, { result: {} }),
    cancelled: (id: string) => cancelJob(shop.db, id),
    failed: (id: string) => failJob(shop.db, id, { code: 'BROKEN', detail: 'It broke.' }),
  };
  for (const [status, end] of Object.entries(ends)) {
    const id = await newJob();
    await end(id);
    const before = await readJob(shop.db, id);
    expect(before?.status).toBe(status);
    for (const other of Object.values(ends)) await other(id);
    await beginJob(shop.db, id);
    await reportProgress(shop.db, id, { processed: 7 });
    expect(await readJob(shop.db, id)).toEqual(before);
  }
});

test('of many ends at once exactly one is what the job came to', async () => {
  const id = await newJob();
  const views = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      n % 2
        ? completeJob(shop.db, id, { result: { n } })
        : failJob(shop.db, id, { code: `N${n}`, detail: '' }),
    ),
  );
  const [final] = views;
  for (const view of views) expect(view).toEqual(final);
});

test('a request to cancel is kept until the job ends, and is refused once it is completed or has failed', async () => {
  const id = await newJob();
  expect(await isCancelRequested(shop.db, id)).toBe(false);
  expect(await requestCancel(shop.db, id, 'test')).toMatchObject({ status: 'queued', cancelRequested: true });
  expect(await requestCancel(shop.db, id, 'test')).toMatchObject({ cancelRequested: true });
  expect(await isCancelRequested(shop.db, id)).toBe(true);
  await cancelJob(shop.db, id, { result: { applied: 1 } });
  expect(await requestCancel(shop.db, id, 'test')).toMatchObject({
    status: 'cancelled',
    result: { applied: 1 },
  });
  const failed = await newJob();
  await failJob(shop.db, failed, { code: 'BROKEN', detail: '' });
  await expect(requestCancel(shop.db, failed, 'test')).rejects.toMatchObject({ code: 'JOB_ENDED' });
  await expect(requestCancel(shop.db, newId(), 'test')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
});

test('pages of the list join without a gap, also between jobs of one moment', async () => {
  await shop.db.transaction(async (tx) => {
    for (let n = 0; n < 7; n++)
      await createJob(tx, { id: newId(), type: 'consistency', input: {}, actor: 'test' });
  });
  await shop.db.pool.query(`update jobs set created_at = now() where type = 'consistency'`);
  const all = await listJobs(shop.db, { type: 'consistency', limit: 100 });
  const seen: string[] = [];
  let cursor: Awaited<ReturnType<typeof listJobs>>['next'] = null;
  do {
    const page = await listJobs(shop.db, { type: 'consistency', limit: 3, ...(cursor ? { cursor } : {}) });
    seen.push(...page.items.map((job) => job.jobId));
    cursor = page.next;
  } while (cursor);
  expect(seen).toEqual(all.items.map((job) => job.jobId));
  expect(seen.length).toBeGreaterThanOrEqual(7);
});
