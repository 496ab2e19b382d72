import { PassThrough } from 'node:stream';
import { createOutput } from '../../cli/output';
import { runRepairs } from '../../cli/repair';
import { runSealHead, runVerify } from '../../cli/verify';
import { applyRepair, planRepairs } from '../../domain/assurance/repair/run-repairs';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { readSettings } from '../../platform/config';
import { openDatabase } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, temporalAddress, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { tamper } from './support';

let shop: TestShop;
let home: string;
beforeEach(async () => {
  shop = await openTestShop();
  home = await scratchFolder('home');
  await addStock(shop.db, 'LAMP', 'AMS', 5);
});
afterEach(() => shop.close());

/** Runs a command as its user does. Returns its exit code and what it says. */
async function run(
  command: (output: ReturnType<typeof createOutput>) => Promise<number>,
  isJson = false,
): Promise<{ code: number; text: string }> {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await command(createOutput(stream, () => isJson));
  return { code, text };
}

const settingsOf = (more: NodeJS.ProcessEnv = {}) =>
  readSettings({ DATABASE_URL: shop.url, HOLDFAST_HOME: home, LOG_LEVEL: 'silent', ...more });

type VerifyOptions = Partial<Parameters<typeof runVerify>[1]> & { json?: boolean };

const verify = ({ json, ...options }: VerifyOptions = {}, env: NodeJS.ProcessEnv = {}) =>
  run((output) => runVerify(settingsOf(env), { full: false, seals: false, ...options }, output), json);

const repair = (job: string, answer: boolean | 'do not ask') =>
  run((output) =>
    runRepairs(settingsOf(), { job, yes: answer === 'do not ask' }, output, () =>
      Promise.resolve(answer === true),
    ),
  );

test('verify of a sound database finds nothing, asks Temporal where it is there, and says when it is not', async () => {
  const without = await verify();
  expect(without).toMatchObject({ code: 0 });
  expect(without.text).toMatch(/on_hand_ledger +ok/);
  expect(without.text).toMatch(/skipped: what asks Temporal/);
  const away = await verify({}, { TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(away).toMatchObject({ code: 0 });
  expect(away.text).toMatch(/skipped: what asks Temporal/);
  const withEngine = await verify({ full: true }, { TEMPORAL_ADDRESS: temporalAddress() });
  expect(withEngine.code).toBe(0);
  expect(withEngine.text).toMatch(/workflow_gone +ok/);
});

test('what verify finds is shown by repair, changed only after a yes, and then gone', async () => {
  await tamper(shop.url, 'update stock set reserved = 2');
  const found = await verify({ json: true });
  expect(found.code).toBe(1);
  const { jobId, findings } = JSON.parse(found.text) as { jobId: string; findings: { check: string }[] };
  expect(findings.map((finding) => finding.check)).toEqual(['reserved_ledger', 'reserved_holds']);
  expect((await verify({ full: true })).text).toMatch(/critical +LAMP@AMS .*"counter":2/);

  const refused = await repair(jobId, false);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.text).toMatch(/-- Found: LAMP@AMS[\s\S]*Nothing was changed/);
  expect((await verify()).code).toBe(1);

  const done = await repair(jobId, true);
  expect(done).toMatchObject({ code: 0 });
  expect(done.text).toMatch(/done .* LAMP@AMS[\s\S]*reserved_holds +ok/);
  expect((await verify()).code).toBe(0);
  expect(await repair(jobId, 'do not ask')).toMatchObject({ code: 0 });
  await expectInvariants(shop.db);
});

test('a repair that leaves something for a person says so by its exit code', async () => {
  await shop.db.pool.query('alter table stock drop constraint stock_on_hand_covers_reserved');
  const hold = newId();
  await tamper(
    shop.url,
    `insert into reservations (id, kind, status, expires_at) values ('${hold}', 'hold', 'pending', now() + interval '1 hour')`,
    `insert into reservation_lines select '${hold}', product_id, warehouse_id, 9, 9 from stock`,
  );
  const { jobId } = JSON.parse((await verify({ json: true })).text) as { jobId: string };
  const done = await repair(jobId, 'do not ask');
  expect(done.code).toBe(1);
  expect(done.text).toMatch(/reserved_holds +1 found/);
});

test('a job that is not there, or is another kind of job, is refused', async () => {
  await expect(repair(newId(), true)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
});

test('verify of the seals names a changed row and shows the head of the chain', async () => {
  await waitFor(async () => (await sealLedger(shop.db)).rows > 0);
  const sound = await verify({ seals: true });
  expect(sound.code).toBe(0);
  expect(sound.text).toMatch(/Sealed rows: 1\. Seal 1: [0-9a-f]{64}/);
  await tamper(shop.url, `update inventory_transactions set on_hand_delta = 6`);
  const broken = await verify({ seals: true });
  expect(broken.code).toBe(1);
  expect(broken.text).toMatch(/critical +ledger-row:1 .*"changed"/);
});

async function sealAll(): Promise<void> {
  await waitFor(async () => {
    await sealLedger(shop.db);
    const { rows } = await shop.db.pool.query<{ until: unknown }>('select ledger_sealed_until() as until');
    return rows[0]?.until === Infinity;
  });
}

test('a ledger that was changed and sealed anew is found by the head that was kept', async () => {
  await sealAll();
  const exported = await run((output) => runSealHead(settingsOf(), output));
  expect(exported.code).toBe(0);
  const head = exported.text;
  expect(await verify({ seals: true, head })).toMatchObject({ code: 0 });
  await addStock(shop.db, 'DESK', 'AMS', 5);
  await sealAll();
  expect((await verify({ seals: true, head })).text).toMatch(/seals go through the head that was kept/);
  // By the owner of the tables, who can make every seal anew.
  await tamper(
    shop.url,
    'update inventory_transactions set on_hand_delta = 4 where id = 1',
    'delete from ledger_seal_parts',
    'delete from ledger_seals',
    'update ledger_verified set seals_seq = 0, seals_hash = null, sums_seq = 0',
  );
  await sealAll();
  expect(await verify({ seals: true })).toMatchObject({ code: 0 });
  const found = await verify({ seals: true, head });
  expect(found.code).toBe(1);
  expect(found.text).toMatch(/Not as in the head that was kept: seal:1/);
  const asJson = await verify({ seals: true, json: true, head });
  expect(JSON.parse(asJson.text)).toMatchObject({
    findings: [],
    againstHead: [{ subject: 'seal:1' }, { subject: 'ledger-sums' }],
  });
  await expect(verify({ seals: true, head: '{}' })).rejects.toMatchObject({ code: 'HEAD_UNREADABLE' });
});

test.each([
  [
    'was changed',
    'update inventory_transactions set on_hand_delta = 9',
    /entries of the ledger were changed or added since they were sealed \(ids 1\)/,
  ],
  [
    'was removed',
    'delete from inventory_transactions',
    /rows of the ledger of \d{4}-\d\d were removed or added/,
  ],
  [
    'was changed with what was noted of it',
    `update inventory_transactions set on_hand_delta = 9;
     update ledger_seal_parts p set row_hashes = substr(ledger_row_hash(t), 1, 8), rows_hash = sha256(int8send(t.id) || ledger_row_hash(t))
     from inventory_transactions t`,
    /seals of the ledger were changed \(1\)/,
  ],
  ['is gone with its month', 'drop', /the ledger of \d{4}-\d\d is gone, and was never summed up/],
])('a repair sums no ledger of which a row %s, and says so', async (_, statement, said) => {
  await sealAll();
  if (statement === 'drop') {
    const { rows } = await shop.db.pool.query<{ name: string }>(
      'select tableoid::regclass::text as name from inventory_transactions',
    );
    await tamper(shop.url, `drop table ${rows[0]?.name}`);
  } else {
    await tamper(shop.url, statement);
  }
  const { jobId, findings } = JSON.parse((await verify({ json: true, full: true })).text) as {
    jobId: string;
    findings: { check: string }[];
  };
  expect(findings.map(({ check }) => check)).toContain('on_hand_ledger');
  const done = await repair(jobId, 'do not ask');
  expect(done.code).toBe(1);
  expect(done.text).toMatch(said);
  const { rows } = await shop.db.pool.query('select on_hand as "onHand" from stock');
  expect(rows).toEqual([{ onHand: 5 }]);
});

describe('a repair of counters', () => {
  /** Counters at two places that differ from a sealed ledger. Returns the job that has found them. */
  async function twoDrift(): Promise<string> {
    await addStock(shop.db, 'DESK', 'AMS', 7);
    await sealAll();
    await tamper(shop.url, 'update stock set on_hand = on_hand + 3');
    const { jobId } = JSON.parse((await verify({ json: true, full: true })).text) as { jobId: string };
    return jobId;
  }

  /** Lets the count of the ledger's months take so many seconds, and counts how often it is made. */
  async function slowCount(seconds: number): Promise<() => Promise<number>> {
    await tamper(
      shop.url,
      'alter function ledger_months_fault() rename to months_fault',
      'create sequence counts',
      `create function ledger_months_fault() returns text language sql as $$
         select pg_sleep(${seconds}); select nextval('counts'); select months_fault() $$`,
    );
    return async () => {
      const { rows } = await shop.db.pool.query<{ count: number }>(
        'select case when is_called then last_value else 0 end as count from counts',
      );
      return rows[0]!.count;
    };
  }

  test('counts the months of the ledger once, and may take longer than a statement of the product', async () => {
    const jobId = await twoDrift();
    const counted = await slowCount(0.5);
    const impatient = openDatabase({
      url: shop.url,
      poolSize: 2,
      log: testLogger(),
      statementTimeoutMs: 250,
    });
    try {
      const { repairs } = await planRepairs(impatient, jobId);
      expect(repairs).toHaveLength(2);
      for (const repair of repairs) await applyRepair(impatient, repair);
    } finally {
      await impatient.close();
    }
    expect(await counted()).toBe(1);
    const { rows } = await shop.db.pool.query('select on_hand as "onHand" from stock order by on_hand');
    expect(rows).toEqual([{ onHand: 5 }, { onHand: 7 }]);
  });

  test('counts them again an hour later, and for another job', async () => {
    const jobId = await twoDrift();
    const counted = await slowCount(0);
    await repair(jobId, 'do not ask');
    await shop.db.pool.query(`update ledger_counts set counted_at = counted_at - interval '61 minutes'`);
    await repair(jobId, 'do not ask');
    expect(await counted()).toBe(2);
    await tamper(shop.url, 'update stock set on_hand = on_hand + 3');
    const again = JSON.parse((await verify({ json: true, full: true })).text) as { jobId: string };
    await repair(again.jobId, 'do not ask');
    expect(await counted()).toBe(3);
  });

  test('repairs as well once the job is gone, and counts them for each place then', async () => {
    const jobId = await twoDrift();
    const counted = await slowCount(0);
    const { repairs } = await planRepairs(shop.db, jobId);
    for (const table of ['consistency_findings', 'consistency_checks'])
      await shop.db.pool.query(`delete from ${table} where job_id = $1`, [jobId]);
    await shop.db.pool.query('delete from jobs where id = $1', [jobId]);
    for (const repair of repairs) await applyRepair(shop.db, repair);
    expect(await counted()).toBe(2);
    const { rows } = await shop.db.pool.query('select on_hand as "onHand" from stock order by on_hand');
    expect(rows).toEqual([{ onHand: 5 }, { onHand: 7 }]);
  });

  test('reads the ledger before it locks anything', async () => {
    const jobId = await twoDrift();
    await slowCount(3_600);
    const { repairs } = await planRepairs(shop.db, jobId);
    const repairing = applyRepair(shop.db, repairs[0]!).catch((error: unknown) => error);
    const running = () =>
      shop.db.pool.query<{ pid: number }>(
        `select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      );
    await waitFor(async () => (await running()).rows.length === 1);
    // Nobody waits for it who changes stock.
    await addStock(shop.db, 'CHAIR', 'AMS', 1);
    await shop.db.pool.query('update stock set low_stock_threshold = low_stock_threshold');
    await shop.db.pool.query('select pg_cancel_backend($1)', [(await running()).rows[0]?.pid]);
    expect(await repairing).toMatchObject({ code: '57014' });
  });
});
