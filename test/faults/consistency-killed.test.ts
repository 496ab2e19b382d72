import { sealLedger } from '../../domain/assurance/seals/seal';
import { CHECK_IDS, type CheckId } from '../../domain/assurance/types';
import { verifySeals } from '../../domain/assurance/seals/verify';
import { derivedId, newId } from '../../platform/ids';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { applyScript, slowTransfers, tamper } from '../consistency/support';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { untilIdle } from './assertions';
import { openBarriers, type Barriers } from './barrier';
import { openProduct, type Product } from './product';
import { ADMIN_CALLER } from '../support/access-keys';

let product: Product;
let barriers: Barriers;
beforeAll(async () => {
  product = await openProduct();
  barriers = openBarriers(product.databaseUrl);
}, 240_000);
afterAll(async () => {
  await barriers.releaseAll();
  await product.close();
});

/** Schedules that would do what the test asks for. */
const DAY = '86400';
const env = {
  SEAL_INTERVAL_SECONDS: DAY,
  CONSISTENCY_INTERVAL_SECONDS: DAY,
  RECONCILE_INTERVAL_SECONDS: DAY,
};

const DRIFT = ['on_hand_ledger', 'reserved_ledger', 'reserved_holds'] as const;
/** What a job finds of two places whose units reserved were changed by hand. */
const FOUND = ['reserved_holds LAMP@AMS', 'reserved_holds LAMP@BER'].concat(
  'reserved_ledger LAMP@AMS',
  'reserved_ledger LAMP@BER',
);

interface Job {
  jobId: string;
  checks: readonly CheckId[];
  ask(): Promise<void>;
}

/** A job whose id is known before it is asked for. */
function jobOf(checks: readonly CheckId[], mode: 'full' | 'incremental' = 'full'): Job {
  const key = newId();
  const [body, headers] = [{ checks, mode }, { 'idempotency-key': key }];
  return {
    jobId: derivedId('consistency', ADMIN_CALLER, key),
    checks,
    async ask() {
      expect((await product.call('POST', '/jobs/consistency', { body, headers })).status).toBe(202);
    },
  };
}

interface JobBody {
  status: string;
  processed: number;
  result: { checks: { id: string }[] } | null;
}

async function bodyOf({ jobId }: Job): Promise<JobBody> {
  // What a job answers is looked at as such.
  return (await product.call('GET', `/jobs/${jobId}`)).body as unknown as JobBody;
}

async function ended(job: Job): Promise<JobBody> {
  return waitFor(async () => {
    const body = await bodyOf(job);
    if (['queued', 'running'].includes(body.status)) throw new Error(JSON.stringify(body));
    return body;
  }, 120_000);
}

async function rows<Row extends object>(text: string, ...values: unknown[]): Promise<Row[]> {
  return (await product.db.pool.query<Row>(text, values)).rows;
}

/** Checks of a job that are stored, and when each ran. */
async function storedOf({ jobId }: Job): Promise<[CheckId, string][]> {
  const found = await rows<{ id: CheckId; at: string }>(
    `select check_id as id, started_at::text || finished_at as at from consistency_checks where job_id = $1 order by finished_at`,
    jobId,
  );
  return found.map(({ id, at }) => [id, at]);
}

async function findingsOf({ jobId }: Job): Promise<string[]> {
  const found = await rows<{ found: string }>(
    `select check_id || ' ' || subject as found from consistency_findings where job_id = $1 order by 1`,
    jobId,
  );
  return found.map((row) => row.found);
}

/** Statuses of the alerts that there ever were about counters. */
async function alerts(): Promise<string[]> {
  const found = await rows<{ status: string }>(`select status from alerts where kind = 'ledger_drift'`);
  return found.map((row) => row.status);
}

/** Seals the oldest row that is not sealed yet, so that some are left. */
async function sealOne(): Promise<void> {
  const done = new AbortController();
  const sealed = await sealLedger(product.db, {
    rowsPerSeal: 1,
    sealsPerStep: 1,
    onProgress: () => done.abort(),
    signal: done.signal,
  });
  expect(sealed).toEqual({ seals: 1, rows: 1 });
}

/** Waits until no transaction runs, anywhere on the server, that began before what is in the ledger. */
async function sealable(): Promise<void> {
  await waitFor(async () => {
    const [found] = await rows<{ passed: boolean }>(
      `select pg_snapshot_xmin(pg_current_snapshot()) > (select max(xid) from inventory_transactions) as passed`,
    );
    return found?.passed;
  }, 60_000);
}

/** Kept sums that are not those of what they stand for. */
const WRONG_SUMS = `
  with sums as (
    select product_id, warehouse_id, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved
    from inventory_transactions t, ledger_verified v join ledger_seals s on s.seq = v.sums_seq
    where (t.xid::text::bigint, t.id) <= (s.to_xid, s.to_id) group by 1, 2)
  select * from sums full join ledger_checkpoint c using (product_id, warehouse_id)
  where c.on_hand is distinct from sums.on_hand or c.reserved is distinct from sums.reserved`;

const READING = `select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;

test('jobs and a sealing whose worker is killed at every step end as if nothing had happened', async () => {
  const { db, databaseUrl } = product;
  const worker = await product.startWorker({ through: product.line, env });
  for (const warehouse of ['AMS', 'BER']) await addStock(db, 'LAMP', warehouse, 50);
  await sealable();
  await sealLedger(db);
  const before = jobOf(['seals'], 'incremental');
  await before.ask();
  await ended(before);
  for (const warehouse of ['NYC', 'SFO', 'TYO', 'PAR']) await addStock(db, 'LAMP', warehouse, 50);
  await tamper(
    databaseUrl,
    `update stock set reserved = 3 where warehouse_id in (select id from warehouses where code in ('AMS', 'BER'))`,
  );
  await sealable();
  const hurryTransfers = await slowTransfers(databaseUrl);

  // With the seals a full job would make the kept sums anew.
  const reading = jobOf(CHECK_IDS.filter((id) => id !== 'seals'));
  const [storing, stored, told] = [jobOf(DRIFT), jobOf(DRIFT), jobOf(DRIFT)];
  const alerting = jobOf([...DRIFT, 'seals'], 'incremental');
  const summing = jobOf(['seals'], 'incremental');
  const completes = (job: Job) => `new.id = '${job.jobId}' and new.status = 'completed'`;
  const atFindings = await barriers.blockWrites({
    on: 'insert on consistency_findings',
    when: `new.job_id = '${storing.jobId}'`,
    at: 'once',
  });
  const atStored = await barriers.blockWrites({
    on: 'insert on consistency_checks',
    when: `new.job_id = '${stored.jobId}' and new.check_id = 'reserved_holds'`,
    at: 'commit',
  });
  const atEnd = await barriers.blockWrites({ on: 'update on jobs', when: completes(alerting), at: 'once' });
  const atTold = await barriers.blockWrites({ on: 'update on jobs', when: completes(told), at: 'commit' });

  for (const job of [reading, storing, stored, told]) await job.ask();
  await waitFor(async () => (await rows(READING)).length > 0);
  await sealOne();
  await alerting.ask();
  await atEnd.reached();
  const atSums = await barriers.blockWrites({
    on: 'update on ledger_verified',
    when: 'new.sums_seq > old.sums_seq',
    at: 'once',
  });
  await sealOne();
  await summing.ask();
  await atSums.reached();
  const atSeal = await barriers.blockWrites({ on: 'insert on ledger_seal_parts', when: 'true', at: 'once' });
  await product.client.workflow.start(WORKFLOW_TYPES.ledgerSeal, {
    workflowId: 'seal-by-hand',
    taskQueue: product.names.jobsQueue,
  });
  for (const barrier of [atFindings, atStored, atEnd, atTold, atSums, atSeal]) await barrier.reached();

  // From here on the engine hears nothing of what the worker still does in PostgreSQL.
  product.line.cut();
  await atStored.release();
  await atTold.release();
  await waitFor(async () => (await storedOf(stored)).length === DRIFT.length);
  await waitFor(async () => (await bodyOf(told)).status === 'completed');
  await worker.kill();
  await barriers.releaseAll();
  await untilIdle(product);
  expect((await bodyOf(reading)).processed).toBe(CHECK_IDS.indexOf('transfers_lost_units'));
  expect(await findingsOf(storing)).toEqual([]);
  expect((await storedOf(storing)).map(([id]) => id)).toEqual(['on_hand_ledger']);
  const ranBefore = await storedOf(reading);
  await hurryTransfers();
  product.line.mend();
  await product.startWorker({ env });

  for (const job of [reading, storing, stored, told, alerting]) {
    const total = job.checks.length;
    const checks = job.checks.map((id) => ({ id, findings: id.startsWith('reserved_') ? 2 : 0 }));
    expect(await ended(job)).toMatchObject({
      status: 'completed',
      progress: 100,
      processed: total,
      total,
      result: { findings: FOUND.length, repairable: FOUND.length, checks },
    });
    expect(await findingsOf(job)).toEqual(FOUND);
  }
  expect((await storedOf(reading)).slice(0, ranBefore.length)).toEqual(ranBefore);
  expect(await ended(summing)).toMatchObject({ status: 'completed', result: { findings: 0 } });
  expect(await alerts()).toEqual(['open', 'open']);

  await product.client.workflow.getHandle('seal-by-hand').result();
  await expectSealed();

  await applyScript(databaseUrl, { db }, alerting.jobId);
  const after = jobOf(CHECK_IDS, 'incremental');
  await after.ask();
  expect(await ended(after)).toMatchObject({ status: 'completed', result: { findings: 0 } });
  expect(await alerts()).toEqual(['resolved', 'resolved']);
  expect(await rows(WRONG_SUMS)).toEqual([]);
  await expectInvariants(db);
}, 300_000);

/** Every row is sealed, once, as it is, and the kept sums are those of what was sealed. */
async function expectSealed(): Promise<void> {
  const [sealed] = await rows(
    `select (select sum(row_count)::int from ledger_seals) as sealed, (select count(*)::int from inventory_transactions) as rows,
            (select sums_seq from ledger_verified) as sums`,
  );
  expect(sealed).toEqual({ sealed: 6, rows: 6, sums: 3 });
  expect((await verifySeals(product.db, { mode: 'full', limit: 10 })).findings).toEqual([]);
  expect(await rows(WRONG_SUMS)).toEqual([]);
}
