import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { newId } from '../../platform/ids';
import { jobsOf } from '../api/stack-jobs';
import { addMerchant } from '../money/support';
import { keepHistory } from '../replay/record';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { enter } from './support';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    api: true,
    settings: { JOB_WORKERS: 4, JOB_BATCH_SIZE: 100, JOB_QUEUE_SIZE: 2 },
  });
  await addMerchant(stack.db, 'acme');
  await stack.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select d, d, 'capture', 'gateway_clearing', 'merchant_payable', 1 + n % 2, 100, 'USD', gen_random_uuid(), gen_random_uuid()
     from generate_series(1, 3000) n cross join lateral (select date '2026-06-01' + n % 30 as d) d`,
  );
});
afterAll(() => stack.stop());

interface JobBody {
  jobId: string;
  status: string;
  downloadUrl: string | null;
  processed: number;
  total: number;
  result: { sha256: string; lines: number } | null;
}

const jobs = jobsOf<JobBody>(() => stack);
const { call, handleOf } = jobs;

const DAYS = { from: '2026-06-01', to: '2026-06-30' };
const start = (body: object, key = newId()) =>
  call('POST', '/jobs/settlement', { body, headers: { 'idempotency-key': key } });

async function ended(jobId: string): Promise<JobBody> {
  const job = await jobs.ended(jobId);
  await handleOf(jobId).result();
  return job;
}

test('a file is made, is what its digest says, and is given again to who asks for the same days', async () => {
  const key = newId();
  const accepted = await start(DAYS, key);
  expect(accepted.status).toBe(202);
  const job = await ended(accepted.job.jobId);
  expect(job).toMatchObject({ status: 'completed', processed: 3_000, total: 3_000, result: { lines: 30 } });
  await keepHistory(handleOf(job.jobId), 'settlement-made');
  const file = await call('GET', `/downloads/${job.jobId}.csv`);
  expect(job.downloadUrl).toBe(`/api/v1/downloads/${job.jobId}.csv`);
  expect(file.text.split('\n')[0]).toBe('merchant_id,date,gross,fee,net,txn_count');
  expect(file.text.split('\n')[1]).toBe('acme,2026-06-02,100.00,0.00,100.00,100');
  expect(createHash('sha256').update(file.text).digest('hex')).toBe(job.result?.sha256);
  expect((await start(DAYS)).job).toEqual({ jobId: job.jobId, status: 'completed' });
  expect((await start(DAYS, key)).headers.get('idempotency-replayed')).toBe('true');
  await enter(stack.db, { day: '2026-06-05', minor: 7 });
  const more = await start({ ...DAYS, supplement: true });
  expect(more.job.jobId).not.toBe(job.jobId);
  expect((await ended(more.job.jobId)).result).toMatchObject({ lines: 1 });
});

test.each([
  [{ from: '2026-06-02', to: '2026-06-01' }, 'VALIDATION_FAILED'],
  [{ from: '2026-06-31', to: '2026-07-01' }, 'VALIDATION_FAILED'],
  [{ ...DAYS, marchant: 'acme' }, 'VALIDATION_FAILED'],
  [{ ...DAYS, currency: 'XXZ' }, 'VALIDATION_FAILED'],
  [{ ...DAYS, merchant: 'nobody' }, 'UNKNOWN_MERCHANT'],
  [{ from: '2026-06-01', to: '2030-01-01' }, 'DAY_NOT_ENDED'],
])('%j is refused', async (body, code) => {
  expect(await start(body)).toMatchObject({ status: 422, body: { code } });
});

test('one that is cancelled ends its statement where that is forced, has no file and settles nothing', async () => {
  const holder = new Client({ connectionString: stack.databaseUrl });
  await holder.connect();
  try {
    // Whoever adds a line waits for the holder; whoever begins does not.
    await holder.query('select pg_advisory_lock(1)');
    await holder.query(
      `create function wait_for_the_holder() returns trigger language plpgsql as
       $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$`,
    );
    await holder.query(
      'create trigger wait_for_the_holder before insert on settlement_sums for each statement execute function wait_for_the_holder()',
    );
    const { job } = await start({ ...DAYS, merchant: 'acme' });
    const { job: other } = await start({ ...DAYS, merchant: 'house', supplement: true });
    expect(await start({ ...DAYS, to: '2026-06-29' })).toMatchObject({
      status: 503,
      body: { code: 'JOB_QUEUE_FULL' },
    });
    const waiting = async () => {
      const { rows } = await stack.db.pool.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity
         where wait_event_type = 'Lock' and wait_event = 'advisory' and datname = current_database()`,
      );
      return (rows[0]?.count ?? 0) > 0;
    };
    await waitFor(waiting);
    expect((await call('POST', `/jobs/${job.jobId}/cancel`, { body: {} })).status).toBe(202);
    expect((await call('POST', `/jobs/${job.jobId}/cancel`, { body: { force: true } })).status).toBe(202);
    expect((await call('POST', `/jobs/${other.jobId}/cancel`, { body: { force: true } })).status).toBe(202);
    expect((await call('POST', `/jobs/${job.jobId}/cancel`, { body: { forced: true } })).status).toBe(422);
    for (const { jobId } of [job, other]) {
      expect(await ended(jobId)).toMatchObject({ status: 'cancelled', downloadUrl: null });
      expect((await call('GET', `/downloads/${jobId}.csv`)).status).toBe(404);
    }
    await keepHistory(handleOf(job.jobId), 'settlement-cancelled');
    const { rows } = await stack.db.pool.query(
      'select count(*)::int as runs from settlement_runs where finished is null',
    );
    expect(rows).toEqual([{ runs: 2 }]);
  } finally {
    await holder.query('select pg_advisory_unlock(1)');
    await holder.query('drop function if exists wait_for_the_holder cascade');
    await holder.end();
  }
});
