import { migrationFinding } from '../../cli/doctor-database';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, escapeIdentifier, type QueryResultRow } from 'pg';
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
    unknown: [],
  });
  expect(await migrate(database.url, testLogger(), { directory })).toEqual(Object.keys(TWO));
  expect(await migrate(database.url, testLogger(), { directory })).toEqual([]);
  expect(await migrationStatus(database.url, { directory })).toEqual({
    applied: Object.keys(TWO),
    pending: [],
    unknown: [],
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

test('an error is reported with file and line; its file leaves nothing behind, and those before it stay', async () => {
  const wrong = 'create table half ();\n\nselect nothing_such;';
  const directory = await folderOf({ ...TWO, '0003_wrong.sql': wrong });
  await expect(migrate(database.url, testLogger(), { directory })).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    message: '0003_wrong.sql:3: column "nothing_such" does not exist',
  });
  expect((await migrationStatus(database.url, { directory })).applied).toEqual(Object.keys(TWO));
  expect(await query(`select to_regclass('half') as half`)).toEqual([{ half: null }]);
});

test('an index is made concurrently by a file that says it wants no transaction, and a mistake there has its line', async () => {
  const index = '-- no transaction\ncreate index concurrently t_n\n  on t (n);\n';
  await migrate(database.url, testLogger(), {
    directory: await folderOf({ ...TWO, '0003_index.sql': index }),
  });
  expect(await query(`select indisvalid from pg_index where indexrelid = 't_n'::regclass`)).toEqual([
    { indisvalid: true },
  ]);
  const again = {
    ...TWO,
    '0003_index.sql': index,
    '0004_wrong.sql': `${index.replace('t_n', 't_m')}select oops;`,
  };
  await expect(
    migrate(database.url, testLogger(), { directory: await folderOf(again) }),
  ).rejects.toMatchObject({ message: '0004_wrong.sql:4: column "oops" does not exist' });
  expect(await query(`select to_regclass('t_m') as name`)).toEqual([{ name: 't_m' }]);
});

test('a migration gives up soon when it does not get the lock of a table, and can be tried again', async () => {
  await migrate(database.url, testLogger(), {
    directory: await folderOf({ '0001_first.sql': TWO['0001_first.sql'] }),
  });
  const directory = await folderOf(TWO);
  const other = new Client({ connectionString: database.url });
  await other.connect();
  await other.query('begin; lock table t in access share mode');
  await expect(migrate(database.url, testLogger(), { directory })).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    message: '0002_second.sql: canceling statement due to lock timeout',
  });
  await other.end();
  expect(await migrate(database.url, testLogger(), { directory })).toEqual(['0002_second.sql']);
});

test('a database that is newer than the program is left as it is, with a warning', async () => {
  await migrate(database.url, testLogger(), { directory: await folderOf(TWO) });
  const directory = await folderOf({ '0001_first.sql': TWO['0001_first.sql'] });
  const { log, messages } = recordingLogger();
  expect(await migrate(database.url, log, { directory })).toEqual([]);
  expect(messages).toEqual(['the database is newer than this program']);
  expect(await migrationStatus(database.url, { directory })).toEqual({
    applied: Object.keys(TWO),
    pending: [],
    unknown: ['0002_second.sql'],
  });
});

test('a database of the old history is refused before anything is changed', async () => {
  const old = { '0001_first.sql': TWO['0001_first.sql'], '0002_inventory.sql': 'create table inventory ()' };
  await migrate(database.url, testLogger(), { directory: await folderOf(old) });
  const directory = await folderOf({
    '0001_first.sql': TWO['0001_first.sql'],
    '0002_other.sql': 'create table other ()',
  });
  await expect(migrate(database.url, testLogger(), { directory })).rejects.toMatchObject({
    code: 'MIGRATIONS_FROM_OLD_HISTORY',
    message: expect.stringMatching(
      /0002_inventory\.sql.*0002_other\.sql.*TEMPORAL_NAMESPACE.*HOLDFAST_HOME/,
    ) as string,
  });
  expect(await query(`select to_regclass('other') as other`)).toEqual([{ other: null }]);
});

test('a database of another branch is refused, and neither its data nor `migrate` is to be touched', async () => {
  await migrate(database.url, testLogger(), { directory: await folderOf(TWO) });
  const directory = await folderOf({
    '0001_first.sql': TWO['0001_first.sql'],
    '0002_other.sql': 'create table other ()',
  });
  await expect(migrate(database.url, testLogger(), { directory })).rejects.toMatchObject({
    code: 'MIGRATIONS_OF_ANOTHER_BRANCH',
    message: expect.stringMatching(
      /has 0002_second\.sql, and lacks 0002_other\.sql.*leave the data/,
    ) as string,
  });
  const finding = migrationFinding(await migrationStatus(database.url, { directory }));
  expect(finding).toMatchObject({ ok: false, advice: expect.stringContaining('has both') as string });
  expect(finding.advice).not.toMatch(/holdfast migrate|empty database/);
});

test('a server that is too old is refused with its version', async () => {
  // Found before the function of the same name that every server has.
  await query(`create schema old;
    create function old.current_setting(text) returns text language sql return '17.9 (Debian)';
    alter database ${escapeIdentifier(new URL(database.url).pathname.slice(1))} set search_path = old, pg_catalog`);
  const directory = await folderOf(TWO);
  await expect(migrate(database.url, testLogger(), { directory })).rejects.toMatchObject({
    code: 'POSTGRES_TOO_OLD',
    message: 'Holdfast needs PostgreSQL 18 or later: this server is 17.9 (Debian).',
  });
  expect((await migrationStatus(database.url, { directory })).applied).toEqual([]);
});

test('a role that may not connect to the database postgres migrates one that is there', async () => {
  const name = escapeIdentifier(new URL(database.url).pathname.slice(1));
  const url = new URL(database.url);
  url.username = url.password = 'only_migrates';
  const refused = new URL(postgresUrl());
  refused.username = refused.password = 'only_migrates';
  await query(`create role only_migrates login password 'only_migrates'; alter database ${name} owner to only_migrates;
    revoke connect on database postgres from public`);
  try {
    await expect(query('select 1', refused.href)).rejects.toMatchObject({ code: '42501' });
    const options = { directory: await folderOf(TWO), createDatabase: true };
    expect(await migrate(url.href, testLogger(), options)).toEqual(Object.keys(TWO));
  } finally {
    await database.drop();
    await query('grant connect on database postgres to public; drop role only_migrates', postgresUrl());
  }
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

test('a process killed while it migrates delays no other process, and half of nothing is left', async () => {
  const slow = await folderOf({
    '0001_slow.sql': 'create table half (); select pg_sleep(1); create table whole ()',
  });
  const child = startChild(CHILD, [database.url, slow]);
  const running = `select pid from pg_stat_activity
    where datname = current_database() and query like '%pg_sleep(1)%' and pid <> pg_backend_pid()`;
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
  const options = { directory: await folderOf(TWO) };
  expect(await migrate(database.url, testLogger(), options)).toEqual(['0002_second.sql']);
});

test('a process that waits for another one does not delay an index that this one makes concurrently', async () => {
  const directory = await folderOf({
    '0001_gate.sql': 'create table t (n int); set local lock_timeout = 0; select pg_advisory_xact_lock(7)',
    '0002_index.sql': '-- no transaction\nset lock_timeout = 0;\ncreate index concurrently t_n on t (n);\n',
  });
  const barrier = new Client({ connectionString: database.url });
  await barrier.connect();
  await barrier.query('select pg_advisory_lock(7)');
  const first = migrate(database.url, testLogger(), { directory });
  const waiting = `select from pg_locks where objid = 7 and not granted
    and database = (select oid from pg_database where datname = current_database())`;
  await waitFor(async () => (await query(waiting)).length > 0);
  const { log, messages } = recordingLogger();
  const second = migrate(database.url, log, { directory });
  await waitFor(() => messages.includes('waiting for another process that migrates this database'));
  await barrier.end();
  expect(await Promise.all([first, second])).toEqual([['0001_gate.sql', '0002_index.sql'], []]);
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
  expect(await migrationStatus(clone.url)).toEqual({ applied: own, pending: [], unknown: [] });
  await clone.drop();
});

test('the project’s own migrations are numbered in a row; files of one number are parts of its first', async () => {
  const own = (await readdir(join(__dirname, '..', '..', 'migrations'))).sort();
  expect(own.filter((name) => !/^\d{4}_[a-z_]+\.sql$/.test(name))).toEqual([]);
  const firsts = new Map<string, string>();
  for (const name of own) {
    const number = name.slice(0, 4);
    const first = firsts.get(number);
    if (first === undefined) firsts.set(number, name.replace('.sql', ''));
    else expect(name.startsWith(`${first}_`)).toBe(true);
  }
  expect([...firsts.keys()]).toEqual(Array.from(firsts, (_, index) => String(index + 1).padStart(4, '0')));
});
