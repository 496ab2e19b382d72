import { Client } from 'pg';
import { recordEntries } from '../../domain/event-log/record';
import { beginSettlement } from '../../domain/settlement/run';
import { ensureDatabase } from '../../platform/database/create-database';
import { openDatabase, type Database } from '../../platform/database/database';
import { migrate } from '../../platform/database/migrations';
import { numberAll, readAll } from '../events/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { restoreInto } from '../support/restore';
import { startPrivatePostgres, testLogger } from '../support/servers';
import { ask, carryOut, enter, fileOf, linesOf, PARTS, settle } from './support';

/*
 * A dump that is loaded into another server, whose transactions are counted from below: what was numbered and settled before stays so, and
 * nothing that comes is taken for it.
 */

const JULY = { from: '2026-07-01', to: '2026-07-31' };

let shop: TestShop;
let server: Awaited<ReturnType<typeof startPrivatePostgres>>;
let restored: Database;
beforeAll(async () => {
  shop = await openTestShop();
  server = await startPrivatePostgres();
  await ensureDatabase(server.url('restored'), testLogger());
  await migrate(server.url('restored'), testLogger());
  restored = openDatabase({ url: server.url('restored'), poolSize: 4, log: testLogger() });
});
afterAll(async () => {
  await restored.close();
  await server.stop();
  await shop.close();
});

const tell = (db: Database, id: string) =>
  db.transaction((tx) =>
    recordEntries(tx, [
      { type: 'job.started', subject: { type: 'job', id }, actor: 'test', data: { type: 'feed' } },
    ]),
  );
const transactionOf = async (db: Database) =>
  Number((await db.pool.query<{ xid: string }>('select pg_current_xact_id()::text as xid')).rows[0]?.xid);

test('events and settlements go on where the dump ended', async () => {
  await shop.db.pool.query(
    'do $$ begin for n in 1..20000 loop perform pg_current_xact_id(); commit; end loop; end $$',
  );
  for (const day of ['2026-06-10', '2026-07-10']) await enter(shop.db, { day, minor: 100 });
  const june = await ask(shop.db);
  const file = await carryOut(shop.db, june);
  expect(linesOf(file)).toEqual(['house,2026-06-10,1.00,0.00,1.00,1']);
  await enter(shop.db, { day: '2026-06-11', minor: 7 });
  // Begun, and not ended: its cut was made.
  const begun = await ask(shop.db, { from: '2026-05-01', to: '2026-06-30' });
  await beginSettlement(shop.db, begun, PARTS);
  await enter(shop.db, { day: '2026-06-12', minor: 8 });

  await tell(shop.db, 'numbered');
  await numberAll(shop.db);
  const before = await readAll(shop.db);
  // One that is being written, and one that is not numbered yet.
  const open = new Client({ connectionString: shop.url });
  await open.connect();
  try {
    await open.query('begin');
    await open.query(
      `insert into event_entries (type, subject_type, subject_id, actor) values ('job.started', 'job', 'lost', 'test')`,
    );
    await tell(shop.db, 'not numbered');
    await restoreInto(shop.url, server.url('restored'));
  } finally {
    await open.end();
  }
  expect(await transactionOf(restored)).toBeLessThan(await transactionOf(shop.db));

  await tell(restored, 'after');
  for (const minor of [3, 4]) await enter(restored, { day: '2026-06-10', minor });
  expect(await fileOf(restored, june)).toBe(file);
  // By the cut of then; and what came since, on either server, is in the next, once.
  expect(linesOf(await carryOut(restored, begun))).toEqual(['house,2026-06-11,0.07,0.00,0.07,1']);
  expect(await settle(restored, JULY)).toEqual([
    'house,2026-06-10,0.07,0.00,0.07,2',
    'house,2026-06-12,0.08,0.00,0.08,1',
    'house,2026-07-10,1.00,0.00,1.00,1',
  ]);
  expect(await settle(restored, { from: '2026-05-01', to: '2026-07-31', supplement: true })).toEqual([]);

  await numberAll(restored);
  const after = await readAll(restored);
  expect(after.slice(0, before.length)).toEqual(before);
  const told = after.filter(({ subject }) =>
    ['numbered', 'not numbered', 'after', 'lost'].includes(subject.id),
  );
  expect(told.map(({ subject }) => subject.id)).toEqual(['numbered', 'not numbered', 'after']);
  const { rows } = await restored.pool.query('select from event_gaps');
  expect(rows).toEqual([]);
});

test('of a settled day only what came after its cut is read', async () => {
  // As a year that was settled has it.
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select d, d, 'capture', 'gateway_clearing', 'merchant_payable', 1, 100, 'USD', gen_random_uuid(), gen_random_uuid()
     from generate_series(1, 20000) n cross join lateral (select date '2025-01-01' + n % 365 as d) d`,
  );
  await settle(shop.db, { from: '2025-01-01', to: '2025-12-31' });
  for (const day of ['2025-03-01', '2025-11-30']) await enter(shop.db, { day, minor: 1 });
  const jobId = await ask(shop.db, { from: '2026-08-01', to: '2026-08-31' });
  expect(linesOf(await carryOut(shop.db, jobId))).toEqual([
    'house,2025-03-01,0.01,0.00,0.01,1',
    'house,2025-11-30,0.01,0.00,0.01,1',
  ]);
  const { rows } = await shop.db.pool.query<{ total: number }>('select total from jobs where id = $1', [
    jobId,
  ]);
  expect(rows).toEqual([{ total: 2 }]);
});

test('a worker of the version before fixes no cut any more, of which nobody could tell later what is in it', async () => {
  const jobId = await ask(shop.db, { from: '2026-09-01', to: '2026-09-30', currency: 'USD' });
  await expect(
    shop.db.pool.query(
      `update settlement_runs set cut = nextval('settlement_cuts'), snapshot = pg_current_snapshot() where job_id = $1`,
      [jobId],
    ),
  ).rejects.toMatchObject({ constraint: 'settlement_runs_sees' });
});
