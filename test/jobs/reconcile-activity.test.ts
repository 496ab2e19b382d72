import { withStock } from '../support/stock';
import { listAlerts } from '../../domain/stock/alerts/list';
import { openConsistencyJob } from '../../domain/assurance/job';
import { beginJob, cancelJob, readJob } from '../../domain/jobs/jobs';
import { selectResting } from '../../domain/jobs/queries';
import { startTransfer } from '../../domain/stock/transfers/start';
import type { Queryable } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { EngineTimeoutError } from '../../platform/temporal/bounded-call';
import { twice } from '../db/support';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { reconciled } from '../support/reconcile';
import { names, openReconciling, workflowOf, type Reconciling } from './reconciling';

let shop: Reconciling['shop'];
let states: Reconciling['states'];
let started: Reconciling['started'];
let run: Reconciling['run'];
let newJob: Reconciling['newJob'];
let rest: Reconciling['rest'];
beforeEach(async () => {
  ({ shop, states, started, run, newJob, rest } = await openReconciling());
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

test('the reconciler, run twice, starts what is gone once, ends what has failed once, and leaves what runs alone', async () => {
  const [lost, failed, running] = [await newJob(), await newJob(), await newJob()];
  states.set(workflowOf(failed), 'failed').set(workflowOf(running), 'running');
  await rest('31 seconds');
  const [first, second] = await twice(shop.db, () => run('jobs'));
  expect([first, second]).toEqual([
    reconciled({ looked: 3, restarted: 1, ended: 1 }),
    reconciled({ looked: 2 }),
  ]);
  expect(started).toEqual([workflowOf(lost)]);
  expect(await readJob(shop.db, failed)).toMatchObject({
    status: 'failed',
    error: { code: 'WORKFLOW_FAILED' },
  });
});

test('what was made, or began, within the grace is not looked at', async () => {
  await newJob();
  expect((await run('jobs')).looked).toBe(0);
  const begun = await newJob();
  await beginJob(shop.db, begun);
  await rest('1 hour');
  expect((await run('jobs')).looked).toBe(1);
  expect(started).not.toContain(workflowOf(begun));
});

test('a job that ends while the engine is asked about it is not started again', async () => {
  const jobId = await newJob();
  await rest('1 hour');
  const result = await run('jobs', async () => {
    await cancelJob(shop.db, jobId);
  });
  expect([result, started]).toEqual([reconciled({ looked: 1 }), []]);
});

test('a check that its caller runs is left to it, unless it has not ended after a day', async () => {
  const jobId = await openConsistencyJob(shop.db, { mode: 'full', checks: ['seals'] }, 'cli');
  await rest('23 hours');
  expect((await run('jobs')).looked).toBe(0);
  await rest('2 hours');
  expect(await run('jobs')).toMatchObject({ restarted: 1 });
  expect(started).toEqual([workflowOf(jobId)]);
});

test('a long list is gone through once, also where jobs were made at one moment', async () => {
  for (let n = 0; n < 250; n++) await newJob();
  await shop.db.pool.query(`update jobs set created_at = now() - interval '1 hour'`);
  expect(await run('jobs')).toEqual(reconciled({ looked: 250, restarted: 250 }));
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
  expect(await run('jobs')).toMatchObject({ looked: 1, restarted: 1 });
});

test('a suspect that fails does not stop the others, and has an alert until it has been started', async () => {
  const jobs = [await newJob(), await newJob(), await newJob(), await newJob(), await newJob()];
  await rest('1 hour');
  const [bad, ...good] = jobs.map(workflowOf);
  const failing = (workflowId: string) =>
    workflowId === bad ? Promise.reject(new Error('not this one')) : Promise.resolve();
  expect(await run('jobs', failing)).toEqual(reconciled({ looked: 5, restarted: 4, failed: 1 }));
  expect([...started].sort()).toEqual(good.sort());
  const alerts = async () =>
    (await listAlerts(shop.db, { kind: 'work_failed', limit: 10, offset: 0 })).items.map((alert) => [
      alert.details.work,
      alert.details.id,
      alert.status,
    ]);
  expect(await alerts()).toEqual([['start_job', jobs[0], 'open']]);
  // It is left out for a while.
  expect(await run('jobs', failing)).toEqual(reconciled({ looked: 4 }));
  await letRetry();
  expect(await run('jobs')).toEqual(reconciled({ looked: 5, restarted: 1 }));
  expect(started.at(-1)).toBe(bad);
  expect(await alerts()).toEqual([['start_job', jobs[0], 'resolved']]);
});

const letRetry = () => shop.db.pool.query('update failed_work set retry_at = clock_timestamp()');
const alertCount = async () =>
  (await listAlerts(shop.db, { kind: 'work_failed', status: 'open', limit: 50, offset: 0 })).items.length;

test('a job that was deleted after its workflow had failed is left, and its alert ends', async () => {
  const jobId = await newJob();
  await rest('1 hour');
  await run('jobs', () => Promise.reject(new Error('not this one')));
  expect(await alertCount()).toBe(1);
  await shop.db.pool.query('delete from jobs where id = $1', [jobId]);
  states.set(workflowOf(jobId), 'failed');
  await letRetry();
  expect(await run('jobs')).toEqual(reconciled({ looked: 1 }));
  expect(await alertCount()).toBe(0);
});

test('a row that Temporal refuses again, with none after it, waits twice as long', async () => {
  const jobId = await newJob();
  await rest('1 hour');
  const refusing = () => Promise.reject(refusal());
  expect(await run('jobs', refusing)).toEqual(reconciled({ looked: 1, failed: 1 }));
  await letRetry();
  expect(await run('jobs', refusing)).toEqual(reconciled({ looked: 1, failed: 1 }));
  const { rows } = await shop.db.pool.query(
    'select attempts, retry_at > clock_timestamp() as "isPutOff" from failed_work where subject = $1',
    [jobId],
  );
  expect(rows).toEqual([{ attempts: 2, isPutOff: true }]);
});

/** As the engine's client throws it: INVALID_ARGUMENT. */
const refusal = () => Object.assign(new Error('refused'), { code: 3, details: '', metadata: {} });

test('what Temporal refuses for all alike ends the run and raises one alert, not one for each', async () => {
  for (let n = 0; n < 15; n++) await newJob();
  await rest('1 hour');
  let asked = 0;
  const refusing = () => {
    asked += 1;
    return Promise.reject(refusal());
  };
  await expect(run('jobs', refusing)).rejects.toThrow('refused');
  expect([asked, await alertCount()]).toEqual([10, 1]);
});

test('many rows that Temporal refuses for good do not keep those behind them from their turn', async () => {
  const jobs = [];
  for (let n = 0; n < 15; n++) jobs.push(await newJob());
  await rest('1 hour');
  const bad = new Set(jobs.slice(0, 12).map(workflowOf));
  const refusing = (id: string) => (bad.has(id) ? Promise.reject(refusal()) : Promise.resolve());
  const runs = async (times: number) => {
    for (let n = 0; n < times; n++) await run('jobs', refusing).catch(() => undefined);
  };
  // Run by run the first of the list is put off, until fewer than the limit are left before the good ones.
  await runs(4);
  expect(started).toEqual(jobs.slice(12).map(workflowOf));
  expect(await alertCount()).toBe(12);

  // When all are due again, ten that are refused again do not keep the others from being mended.
  bad.delete(workflowOf(jobs[11]!));
  await letRetry();
  await runs(4);
  expect(started).toContain(workflowOf(jobs[11]!));
});

test('what Temporal refuses for some rows only is recorded for each of them', async () => {
  const jobs = [];
  for (let n = 0; n < 8; n++) jobs.push(await newJob());
  await rest('1 hour');
  const bad = jobs.slice(0, 5).map(workflowOf);
  const refusing = (id: string) => (bad.includes(id) ? Promise.reject(refusal()) : Promise.resolve());
  expect(await run('jobs', refusing)).toEqual(reconciled({ looked: 8, restarted: 3, failed: 5 }));
  expect(await alertCount()).toBe(5);
});

test('while the engine is away the run ends soon and changes nothing', async () => {
  for (let n = 0; n < 10; n++) await newJob();
  await rest('1 hour');
  let asked = 0;
  const away = () => {
    asked += 1;
    return Promise.reject(new EngineTimeoutError(5_000));
  };
  await expect(run('jobs', away)).rejects.toThrow(EngineTimeoutError);
  expect([asked, started]).toEqual([3, []]);
  expect((await listAlerts(shop.db, { kind: 'work_failed', limit: 10, offset: 0 })).items).toEqual([]);
});

test('the workflow of a transfer is started once by two runs', async () => {
  await addStock(shop.db, 'LAMP', 'AMS', 5);
  await addStock(shop.db, 'LAMP', 'BER', 5);
  const { id } = await startTransfer(withStock(shop.db), {
    transferId: newId(),
    sku: 'LAMP',
    from: 'AMS',
    to: 'BER',
    quantity: 2,
    mode: 'in_transit',
    actor: 'tester',
    transitSeconds: 1,
  });
  await shop.db.pool.query(
    `update transfers set expected_at = clock_timestamp() - interval '1 hour', updated_at = clock_timestamp() - interval '1 hour'`,
  );
  const [first, second] = await twice(shop.db, () => run('transfers'));
  expect([first, second]).toEqual([reconciled({ looked: 1, restarted: 1 }), reconciled({})]);
  expect(started).toEqual([names.transferWorkflowId(id)]);
});

test('an opening of a warehouse that nobody finished goes on; where it cannot, the rest is looked at all the same', async () => {
  await addStock(shop.db, 'KEPT', 'AMS', 1);
  // As who began it and died left it.
  await shop.db.pool.query(`update warehouses set active = false, opening = true where code = 'AMS'`);
  await shop.db.pool.query('alter table backorders rename to put_away');
  expect(await run('standing')).toMatchObject({ looked: 2 });
  await shop.db.pool.query('alter table put_away rename to backorders');
  expect(await run('standing')).toMatchObject({ looked: 2 });
  const { rows } = await shop.db.pool.query(`select active, opening from warehouses where code = 'AMS'`);
  expect(rows).toEqual([{ active: true, opening: false }]);
});
