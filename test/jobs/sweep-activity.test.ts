import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createJobActivities, type JobSweepResult, type WorkflowState } from '../../activities/jobs';
import { openConsistencyJob } from '../../domain/assurance/job';
import { beginJob, cancelJob, createJob, readJob } from '../../domain/jobs/jobs';
import { selectResting } from '../../domain/jobs/queries';
import type { Queryable } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { twice } from '../db/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';

let shop: TestShop;
/** Of workflows, by job: those that are not in it are gone. */
let engine: Map<string, WorkflowState>;
let started: string[];
beforeEach(async () => {
  shop = await openTestShop();
  engine = new Map();
  started = [];
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

/** Runs the activity as the engine does. */
function sweep(describe?: (jobId: string) => Promise<void>): Promise<JobSweepResult> {
  const { sweepJobs } = createJobActivities({
    db: shop.db,
    async describe(jobId) {
      const state = engine.get(jobId) ?? 'gone';
      await describe?.(jobId);
      return state;
    },
    start(jobId) {
      started.push(jobId);
      engine.set(jobId, 'running');
      return Promise.resolve();
    },
    graceSeconds: 30,
    log: testLogger(),
  });
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(sweepJobs);
}

async function newJob(): Promise<string> {
  const { jobId } = await createJob(shop.db, { id: newId(), type: 'feed', input: {}, actor: 'test' });
  return jobId;
}

async function rest(span: string): Promise<void> {
  await shop.db.pool.query(`update jobs set created_at = created_at - $1::interval`, [span]);
}

test('the sweep, run twice, starts what is gone once, ends what has failed once, and leaves what runs alone', async () => {
  const [lost, failed, running] = [await newJob(), await newJob(), await newJob()];
  engine.set(failed, 'failed').set(running, 'running');
  await rest('31 seconds');
  const [first, second] = await twice(shop.db, () => sweep());
  expect([first, second]).toEqual([
    { looked: 3, restarted: 1, failed: 1 },
    { looked: 2, restarted: 0, failed: 0 },
  ]);
  expect(started).toEqual([lost]);
  expect(await readJob(shop.db, failed)).toMatchObject({
    status: 'failed',
    error: { code: 'WORKFLOW_FAILED' },
  });
});

test('what was made, or began, within the grace is not looked at', async () => {
  await newJob();
  expect((await sweep()).looked).toBe(0);
  const begun = await newJob();
  await beginJob(shop.db, begun);
  await rest('1 hour');
  expect((await sweep()).looked).toBe(1);
  expect(started).not.toContain(begun);
});

test('a job that ends while the engine is asked about it is not started again', async () => {
  await newJob();
  await rest('1 hour');
  const result = await sweep(async (jobId) => {
    await cancelJob(shop.db, jobId);
  });
  expect([result, started]).toEqual([{ looked: 1, restarted: 0, failed: 0 }, []]);
});

test('a check that its caller runs is left to it, unless it has not ended after a day', async () => {
  const jobId = await openConsistencyJob(shop.db, { mode: 'full', checks: ['seals'] }, 'cli');
  await rest('23 hours');
  expect((await sweep()).looked).toBe(0);
  await rest('2 hours');
  expect(await sweep()).toMatchObject({ restarted: 1 });
  expect(started).toEqual([jobId]);
});

test('a long list is gone through once, also where jobs were made at one moment', async () => {
  for (let n = 0; n < 250; n++) await newJob();
  await shop.db.pool.query(`update jobs set created_at = now() - interval '1 hour'`);
  expect(await sweep()).toEqual({ looked: 250, restarted: 250, failed: 0 });
  expect(new Set(started).size).toBe(250);
});

test('jobs that have ended cost it nothing: years of them are not read', async () => {
  await shop.db.pool.query(
    `insert into jobs (id, type, actor, status, created_at, finished_at)
     select gen_random_uuid(), 'consistency', 'test', 'completed', at, at
     from generate_series(now() - interval '3 years', now(), interval '1 hour') at`,
  );
  await shop.db.pool.query('analyze jobs');
  await newJob();
  await rest('1 hour');
  const planOf: Queryable = {
    query: ({ text, values }) => shop.db.pool.query(`explain ${text}`, values),
  };
  const plan = await selectResting(planOf, { graceSeconds: 30, after: undefined, limit: 100 });
  expect(JSON.stringify(plan)).toMatch(/(using|on) jobs_open /);
  expect(await sweep()).toMatchObject({ looked: 1, restarted: 1 });
});
