import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { migrate, migrationStatus } from '../../platform/database/migrations';
import { startChild } from '../support/child';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database';
import { recordingLogger } from '../support/recording-logger';
import { postgresUrl, scratchFolder, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

const CHILD = join(__dirname, 'children', 'migrate.ts');

let database: TestDatabase;
beforeEach(async () => {
  database = await createEmptyDatabase();
});
afterEach(() => database.drop());

async function query<Row extends QueryResultRow>(sql: string, url = database.url): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = await scratchFolder('migrations');
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql);
  return folder;
}

const TWO = {
  // A question mark is not a parameter here, and a file holds many statements.
  '0001_first.sql': `create table t (n int); insert into t values (1); select '{"a":1}'::jsonb ? 'a';`,
  '0002_second.sql': 'alter table t add m int default 2',
};

test('files are applied in the order of their numbers, once', async () => {
  const directory = await folderOf(TWO);
  expect(await migrationStatus(database.url, { directory })).toEqual({
    applied: [],
    pending: ['0001_first.sql', '0002_second.sql'],
  });
  expect(await migrate(database.url, testLogger(), { directory })).toEqual(Object.keys(TWO));
  expect(await migrate(database.url, testLogger(), { directory })).toEqual([]);
  expect(await migrationStatus(database.url, { directory })).toEqual({
    applied: Object.keys(TWO),
    pending: [],
  });
  expect(await query('select * from t')).toEqual([{ n: 1, m: 2 }]);
});

test('a later file is applied to a database that has the earlier ones', async () => {
  await migrate(database.url, testLogger(), {
    directory: await folderOf({ '0001_first.sql': TWO['0001_first.sql'] }),
  });
  const applied = await migrate(database.url, testLogger(), { directory: await folderOf(TWO) });
  expect(applied).toEqual(['0002_second.sql']);
});

test('a mistake is told with file and line, and nothing of the run is kept', async () => {
  const directory = await folderOf({ ...TWO, '0003_wrong.sql': 'select 1;\n\nselect nothing_such;' });
  await expect(migrate(database.url, testLogger(), { directory })).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    message: '0003_wrong.sql:3: column "nothing_such" does not exist',
  });
  expect((await migrationStatus(database.url, { directory })).applied).toEqual([]);
  expect(await query(`select to_regclass('t') as t`)).toEqual([{ t: null }]);
});

test.each([
  ['without a number', { 'first.sql': '' }],
  ['with the same number', { '0001_a.sql': '', '0001_b.sql': '' }],
])('file names %s are refused', async (_what, files) => {
  await expect(
    migrate(database.url, testLogger(), { directory: await folderOf(files) }),
  ).rejects.toMatchObject({
    code: 'MIGRATIONS_INVALID',
  });
});

test('a database that is newer than the program is refused', async () => {
  await migrate(database.url, testLogger(), { directory: await folderOf(TWO) });
  const older = await folderOf({ '0001_first.sql': TWO['0001_first.sql'] });
  await expect(migrate(database.url, testLogger(), { directory: older })).rejects.toMatchObject({
    code: 'MIGRATIONS_INVALID',
    message: expect.stringContaining('0002_second.sql') as string,
  });
});

test('two processes that start at once make the database and migrate it once', async () => {
  const directory = await folderOf({ ...TWO, '0003_slow.sql': 'select pg_sleep(0.3); create table slow ()' });
  await database.drop();
  const children = [1, 2].map(() => startChild(CHILD, [database.url, directory]));
  const answers = (await Promise.all(children.map((child) => child.answer))) as { applied: string[] }[];
  expect(answers.map(({ applied }) => applied.length).sort()).toEqual([0, 3]);
  expect((await migrationStatus(database.url, { directory })).pending).toEqual([]);
  await Promise.all(children.map((child) => child.ended));
});

test('a process killed while it migrates holds nobody up, and half of nothing is left', async () => {
  const slow = await folderOf({
    '0001_slow.sql': 'create table half (); select pg_sleep(1); create table whole ()',
  });
  const child = startChild(CHILD, [database.url, slow]);
  const running = `select pid from pg_stat_activity where query like '%pg_sleep(1)%' and pid <> pg_backend_pid()`;
  await waitFor(async () => (await query(running)).length > 0);
  await child.kill();
  const directory = await folderOf({ '0001_slow.sql': 'create table half ()' });
  expect(await migrate(database.url, testLogger(), { directory })).toEqual(['0001_slow.sql']);
  expect(await query(`select to_regclass('whole') as whole`)).toEqual([{ whole: null }]);
});

test("Knex's own mark of a dead process is removed", async () => {
  const directory = await folderOf({ '0001_first.sql': TWO['0001_first.sql'] });
  await migrate(database.url, testLogger(), { directory });
  await query('update knex_migrations_lock set is_locked = 1');
  const { log, messages } = recordingLogger();
  expect(await migrate(database.url, log, { directory: await folderOf(TWO) })).toEqual(['0002_second.sql']);
  expect(messages).toContain('a process died while it migrated; its mark is removed');
});

test('a missing database is made only when asked for', async () => {
  const directory = await folderOf(TWO);
  const url = postgresUrl('made_by_migrate');
  await expect(migrate(url, testLogger(), { directory })).rejects.toMatchObject({ code: '3D000' });
  await migrate(url, testLogger(), { directory, createDatabase: true });
  expect(await query('select n from t', url)).toEqual([{ n: 1 }]);
  await query('drop database made_by_migrate', postgresUrl());
});

test('the template that tests clone has all of the project’s own migrations', async () => {
  const clone = await createTestDatabase();
  const own = (await readdir(join(__dirname, '..', '..', 'migrations')))
    .filter((name) => name.endsWith('.sql'))
    .sort();
  expect(await migrationStatus(clone.url)).toEqual({ applied: own, pending: [] });
  await clone.drop();
});
