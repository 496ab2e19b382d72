import { newId } from '../../platform/ids';
import { jobsOf } from '../api/stack-jobs';
import { keepHistory } from '../replay/record';
import { triggerSchedule } from '../support/schedule';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { addOrders, addProduct, addWarehouse, AMS, daysAgo } from './support';
import { dayAfter } from '../../platform/days';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true });
  const { db } = stack;
  const today = await daysAgo(db, 0);
  await addWarehouse(db, 'AMS-F', AMS);
  for (const sku of ['F-1', 'F-2']) {
    await addProduct(db, sku, { since: dayAfter(today, -60) });
    const units = Array.from({ length: 60 }, (_, t) => 5 + (t % 7));
    await addOrders(db, { sku, firstDay: dayAfter(today, -60), units });
  }
});
afterAll(() => stack.stop());

interface JobBody {
  jobId: string;
  status: string;
  progress: number;
  result: { products: number } | null;
}

const jobs = jobsOf<JobBody>(() => stack);
const { call, handleOf } = jobs;

const start = (body: object = {}, key = newId()) =>
  call('POST', '/jobs/forecast', { body, headers: { 'idempotency-key': key } });

test('a job forecasts all products in threads, and what it says can be read', async () => {
  expect(await call('GET', '/forecasts/F-1')).toMatchObject({
    status: 404,
    body: { code: 'FORECAST_NOT_MADE' },
  });
  const key = newId();
  const { status, job } = await start({}, key);
  expect(status).toBe(202);
  const ended = await jobs.ended(job.jobId);
  await handleOf(job.jobId).result();
  expect(ended).toMatchObject({ status: 'completed', progress: 100 });
  await keepHistory(handleOf(job.jobId), 'forecast-made');
  const { body, status: read } = await call('GET', '/forecasts/F-1?horizonDays=3&location=AMS-F');
  expect(read).toBe(200);
  expect(body).toMatchObject({ sku: 'F-1', location: 'AMS-F', kind: 'regular', days: [{}, {}, {}] });
  expect((await start({}, key)).headers.get('idempotency-replayed')).toBe('true');
});

test.each([
  ['horizonDays=0'],
  ['horizonDays=10000'],
  ['horizonDays=-1'],
  ['horizonDays=1.5'],
  ['horizonDays='],
  ['horizon=5'],
  ['leadTimeDays=80&leadTimeDeviationDays=4'],
  ['leadTimeDays=0'],
  ['location=NOPE'],
])('a forecast with %s is refused', async (query) => {
  expect(await call('GET', `/forecasts/F-1?${query}`)).toMatchObject({
    status: 422,
    body: { code: query.startsWith('location') ? 'UNKNOWN_LOCATION' : 'VALIDATION_FAILED' },
  });
});

test('a job refuses what it does not know', async () => {
  expect(await start({ skus: ['F-1'] })).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  expect((await call('GET', '/forecasts/NOPE')).status).toBe(404);
});

test('one that is cancelled ends, and what was forecast before stays', async () => {
  const before = (await call('GET', '/forecasts/F-2')).body;
  await stack.stopWorker();
  const { job } = await start();
  expect((await call('POST', `/jobs/${job.jobId}/cancel`, { body: {} })).status).toBe(202);
  await stack.startWorker();
  expect(await jobs.ended(job.jobId)).toMatchObject({ status: 'cancelled' });
  await waitFor(async () => (await handleOf(job.jobId).describe()).status.name === 'COMPLETED');
  await keepHistory(handleOf(job.jobId), 'forecast-cancelled');
  expect((await call('GET', '/forecasts/F-2')).body).toEqual(before);
});

test('a schedule asks for forecasts each night', async () => {
  const run = await triggerSchedule(stack, 'nightly-forecast');
  const { jobId } = (await run.result()) as { jobId: string };
  await keepHistory(run, 'forecast-scheduled');
  expect(await jobs.ended(jobId)).toMatchObject({ status: 'completed' });
});
