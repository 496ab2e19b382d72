import { PassThrough } from 'node:stream';
import { createOutput } from '../../cli/output';
import { runRepairs } from '../../cli/repair';
import { runVerify } from '../../cli/verify';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, temporalAddress } from '../support/servers';
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
): Promise<{ code: number; text: string }> {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await command(createOutput(stream));
  return { code, text };
}

const settingsOf = (more: NodeJS.ProcessEnv = {}) =>
  readSettings({ DATABASE_URL: shop.url, HOLDFAST_HOME: home, LOG_LEVEL: 'silent', ...more });

const verify = (options: Partial<Parameters<typeof runVerify>[1]> = {}, env: NodeJS.ProcessEnv = {}) =>
  run((output) => runVerify(settingsOf(env), { full: false, seals: false, json: false, ...options }, output));

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
