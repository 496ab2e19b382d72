import { openDatabase, type Database } from '../../platform/database/database';
import { migrationFiles } from '../../platform/database/migrations';
import { openDatabaseProbe, type DatabaseProbe } from '../../platform/health/database-probe';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database';
import { startPrivatePostgres, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let database: TestDatabase;
let db: Database;
let migrations: string[];
let probe: DatabaseProbe;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 2, log: testLogger() });
  migrations = await migrationFiles();
});
beforeEach(() => {
  probe = openDatabaseProbe({ url: database.runtimeUrl, migrations });
});
afterEach(() => probe.close());
afterAll(async () => {
  await db.close();
  await database.drop();
});

const PROBES = `select pid from pg_stat_activity where datname = current_database() and application_name = 'holdfast-probe'`;

test('names the migrations that the database lacks, and none that it has besides', async () => {
  expect(await probe.ask()).toEqual([]);
  const newer = openDatabaseProbe({ url: database.runtimeUrl, migrations: [...migrations, '9999_next.sql'] });
  expect(await newer.ask()).toEqual(['9999_next.sql']);
  await newer.close();
  // The program of a version before.
  const older = openDatabaseProbe({ url: database.runtimeUrl, migrations: migrations.slice(0, 3) });
  expect(await older.ask()).toEqual([]);
  await older.close();
});

test('a database that was never migrated lacks all of them', async () => {
  const empty = await createEmptyDatabase();
  const ofEmpty = openDatabaseProbe({ url: empty.url, migrations });
  expect(await ofEmpty.ask()).toEqual(migrations);
  await ofEmpty.close();
  await empty.drop();
});

test('those who ask at once share one connection and one answer, and it is kept', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => probe.ask()));
  expect(new Set(answers).size).toBe(1);
  const first = (await db.pool.query(PROBES)).rows;
  expect(first).toHaveLength(1);
  await probe.ask();
  expect((await db.pool.query(PROBES)).rows).toEqual(first);
});

test('a connection that is lost is made anew', async () => {
  await probe.ask();
  await db.pool.query(`select pg_terminate_backend(pid) from (${PROBES}) p`);
  expect(await waitFor(() => probe.ask())).toEqual([]);
});

test('a database that is away is told from one that is back', async () => {
  const server = await startPrivatePostgres();
  const ofServer = openDatabaseProbe({ url: server.url(), migrations: [] });
  expect(await ofServer.ask()).toEqual([]);
  await server.stop();
  await expect(ofServer.ask()).rejects.toThrow();
  const again = await startPrivatePostgres({ dataDir: server.dataDir, port: server.port });
  expect(await waitFor(() => ofServer.ask())).toEqual([]);
  await ofServer.close();
  await again.stop();
});

test('one that does not answer is given up within two seconds, and asked on a new connection', async () => {
  await probe.ask();
  const holder = await db.pool.connect();
  await holder.query('begin');
  await holder.query('lock table knex_migrations in access exclusive mode');
  const began = performance.now();
  await expect(probe.ask()).rejects.toThrow();
  expect(performance.now() - began).toBeLessThan(10_000);
  await holder.query('rollback');
  holder.release();
  expect(await probe.ask()).toEqual([]);
});

test('leaves no connection behind', async () => {
  await probe.ask();
  await probe.close();
  await waitFor(async () => (await db.pool.query(PROBES)).rowCount === 0);
  await expect(probe.ask()).rejects.toThrow('closed');
});
