import { runCheck } from '../../domain/assurance/run-check';
import { beginConsistencyJob, finishConsistencyJob } from '../../domain/assurance/job';
import { sealLedger } from '../../domain/assurance/seals/seal';
import type { CheckId, CheckMode } from '../../domain/assurance/types';
import { createJob } from '../../domain/jobs/jobs';
import { newId } from '../../platform/ids';
import { openBarriers, type Barriers } from '../faults/barrier';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { applyScript, check, tamper } from './support';

let shop: TestShop;
let barriers: Barriers;
beforeEach(async () => {
  shop = await openTestShop();
  barriers = openBarriers(shop.url);
  await addStock(shop.db, 'LAMP', 'AMS', 5);
});
afterEach(async () => {
  await barriers.releaseAll();
  await shop.close();
});

const DRIFT: readonly CheckId[] = ['on_hand_ledger', 'reserved_ledger', 'reserved_holds'];

/** A job step by step, as when its worker is away between two of them. */
async function slowJob(mode: CheckMode) {
  const jobId = newId();
  await createJob(shop.db, { id: jobId, type: 'consistency', input: { mode, checks: DRIFT }, actor: 'test' });
  await beginConsistencyJob(shop.db, jobId);
  return {
    jobId,
    /** Again where they fail, as its workflow does. */
    async runChecks() {
      for (const check of DRIFT) {
        await waitFor(() => runCheck({ db: shop.db }, { jobId, check, mode, graceSeconds: 60 }));
      }
    },
    finish: () => finishConsistencyJob(shop.db, { jobId, mode, cancelled: false }),
  };
}

async function alerts(): Promise<string[]> {
  const found = await shop.db.pool.query<{ status: string }>(
    `select status from alerts where kind = 'ledger_drift' order by raised_at`,
  );
  return found.rows.map((row) => row.status);
}

test.each(['full', 'incremental'] as const)(
  'a job that ends late raises no alert about what was repaired since, as a newer %s one has seen',
  async (mode) => {
    await tamper(shop.url, 'update stock set reserved = 2');
    const late = await slowJob('full');
    await late.runChecks();
    await applyScript(shop.url, { db: shop.db }, late.jobId);
    expect((await check({ db: shop.db }, mode)).findings).toEqual([]);
    expect(await late.finish()).toMatchObject({ result: { findings: 2 } });
    expect(await alerts()).toEqual([]);
    await expectInvariants(shop.db);
  },
);

const share = async () => {
  const { rows } = await shop.db.pool.query<{ moved_at: Date | null }>(
    'select moved_at from consistency_share',
  );
  return rows[0]?.moved_at ?? null;
};

test('a run that dies before its end is written does not move on to the next share; again it does so once', async () => {
  const job = await slowJob('incremental');
  await job.runChecks();
  await tamper(
    shop.url,
    `create function no_end() returns trigger language plpgsql as $$ begin raise exception 'the worker is gone'; end $$`,
    'create trigger no_end before update on jobs for each row execute function no_end()',
    'alter table jobs enable always trigger no_end',
  );
  await expect(job.finish()).rejects.toThrow('the worker is gone');
  expect(await share()).toBeNull();
  await tamper(shop.url, 'drop trigger no_end on jobs');
  await job.finish();
  const moved = await share();
  expect(moved).not.toBeNull();
  await job.finish();
  expect(await share()).toEqual(moved);
});

test('of two runs that look at the same share one moves on', async () => {
  const [one, other] = [await slowJob('incremental'), await slowJob('incremental')];
  await one.runChecks();
  await other.runChecks();
  await one.finish();
  const moved = await share();
  expect(moved).not.toBeNull();
  await other.finish();
  expect(await share()).toEqual(moved);
  const next = await slowJob('incremental');
  await next.runChecks();
  await next.finish();
  expect(await share()).not.toEqual(moved);
});

test('a job that ends late leaves the alert about what a newer one has found', async () => {
  const late = await slowJob('full');
  await late.runChecks();
  await tamper(shop.url, 'update stock set reserved = 2');
  const newer = await check({ db: shop.db });
  await late.finish();
  expect(await alerts()).toEqual(['open']);
  await applyScript(shop.url, { db: shop.db }, newer.jobId);
  expect((await check({ db: shop.db }, 'incremental')).findings).toEqual([]);
  expect(await alerts()).toEqual(['resolved']);
  await expectInvariants(shop.db);
});

test('what a slow job finds stays found, although a quick one that does not look there runs meanwhile', async () => {
  await tamper(shop.url, 'update stock set on_hand = 7');
  // Sealed and verified, so that nothing but a full check reads that row any more.
  await addStock(shop.db, 'LAMP', 'BER', 5);
  await waitFor(async () => (await sealLedger(shop.db)).rows > 0);
  await check({ db: shop.db }, 'full', ['seals']);
  // The share of the quick one comes after it.
  await shop.db.pool.query('update consistency_share set products_after = 2147483647');
  const slow = await slowJob('full');
  // Read by full checks only.
  const barrier = await barriers.block('lock table ledger_opening in access exclusive mode');
  const checking = slow.runChecks();
  await barrier.reached();
  const quick = await slowJob('incremental');
  await quick.runChecks();
  await barrier.release();
  await checking;
  expect(await slow.finish()).toMatchObject({ result: { findings: 1 } });
  expect(await quick.finish()).toMatchObject({ result: { findings: 0 } });
  expect(await alerts()).toEqual(['open']);

  const next = await check({ db: shop.db }, 'incremental');
  expect(next.findings).toMatchObject([{ check: 'on_hand_ledger', subject: 'LAMP@AMS' }]);
  expect(await alerts()).toEqual(['open']);
  await applyScript(shop.url, { db: shop.db }, next.jobId);
  expect((await check({ db: shop.db }, 'incremental')).findings).toEqual([]);
  expect(await alerts()).toEqual(['resolved']);
  await expectInvariants(shop.db);
});
