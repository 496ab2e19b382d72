import { newId } from '../../platform/ids';
import { jobsOf } from '../api/stack-jobs';
import { keepHistory } from '../replay/record';
import { triggerSchedule } from '../support/schedule';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true, settings: { REPORT_ZONES: ['Europe/Paris', 'UTC'] } });
  await stack.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select '2026-06-01T12:00:00Z', '2026-06-01', 'capture', 'gateway_clearing', 'merchant_payable', 1, 1234, 'EUR',
       gen_random_uuid(), gen_random_uuid()`,
  );
});
afterAll(() => stack.stop());

interface JobBody {
  jobId: string;
  status: string;
  downloadUrl: string | null;
  error: { code: string } | null;
}

const { call, ended, handleOf } = jobsOf<JobBody>(() => stack);

const start = (body: object, key = newId()) =>
  call('POST', '/jobs/report', { body, headers: { 'idempotency-key': key } });

const DAY = { report: 'daily', date: '2026-06-01', tz: 'Europe/Paris' };

test('the file of a job is what the report has, and stays as it was made', async () => {
  const key = newId();
  const accepted = await start(DAY, key);
  expect(accepted.status).toBe(202);
  const job = await ended(accepted.job.jobId);
  expect(job).toMatchObject({ status: 'completed', downloadUrl: `/api/v1/downloads/${job.jobId}.csv` });
  await handleOf(job.jobId).result();
  await keepHistory(handleOf(job.jobId), 'report-made');
  const file = await call('GET', `/downloads/${job.jobId}.csv`);
  const now = await call('GET', '/admin/reports/daily.csv?date=2026-06-01&tz=Europe/Paris');
  expect(file.text).toBe(now.text);
  expect(now.headers.get('content-type')).toMatch(/^text\/csv/);
  expect(file.text).toContain('\ntotal,,EUR,0,0.00,0,0.00,12.34,0.00,0.00,12.34,0.00,0.00,0,12.34,');
  expect((await start(DAY, key)).headers.get('idempotency-replayed')).toBe('true');
  expect((await start(DAY)).job.jobId).not.toBe(job.jobId);
});

test('a file that cannot be made ends its job, with the reason', async () => {
  const { job } = await start({ report: 'cost-of-goods', month: '2999-01' });
  expect(await ended(job.jobId)).toMatchObject({ status: 'failed', error: { code: 'VALIDATION_FAILED' } });
  await handleOf(job.jobId)
    .result()
    .catch(() => undefined);
  await keepHistory(handleOf(job.jobId), 'report-refused');
});

test.each([
  [{ ...DAY, tz: 'CET' }, 'UNKNOWN_ZONE'],
  [{ ...DAY, date: '2026-06-31' }, 'VALIDATION_FAILED'],
  [{ report: 'monthly', date: '2026-06-01' }, 'VALIDATION_FAILED'],
  [{ report: 'daily', month: '2026-06' }, 'VALIDATION_FAILED'],
  [{ ...DAY, zone: 'UTC' }, 'VALIDATION_FAILED'],
])('%j is refused', async (body, code) => {
  expect(await start(body)).toMatchObject({ status: 422, body: { code } });
});

test('days that have ended have files by themselves, each once', async () => {
  const count = async () => {
    const { rows } = await stack.db.pool.query<{ report: string; files: number }>(
      `select input ->> 'report' as report, count(*)::int as files from jobs where actor = 'schedule' and type = 'report' group by 1`,
    );
    return Object.fromEntries(rows.map(({ report, files }) => [report, files]));
  };
  /** Triggers the schedule, and waits for what it starts. */
  const trigger = async () => {
    const run = await triggerSchedule(stack, 'ended-reports');
    expect(await run.result()).toEqual({ days: 14 });
    return run;
  };
  const run = await trigger();
  await keepHistory(run, 'reports-scheduled');
  const before = await count();
  expect(before['daily']).toBe(14);
  await trigger();
  expect(await count()).toEqual(before);
  await waitFor(async () => {
    const { rows } = await stack.db.pool.query(
      `select from jobs where type = 'report' and status in ('queued', 'running')`,
    );
    return rows.length === 0;
  });
});
