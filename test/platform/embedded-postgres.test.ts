import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readFile, realpath, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../platform/embedded/postgres';
import { preparePostgresBinaries } from '../../platform/embedded/postgres-binaries';
import { isRunning } from '../../platform/embedded/processes';
import { startChild } from '../support/child';
import { recordingLogger } from '../support/recording-logger';
import { scratchFolder, startPrivatePostgres, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

const CHILD = join(__dirname, 'children', 'start-postgres.ts');
const describeOnLinux = process.platform === 'linux' ? describe : describe.skip;
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

async function query<Row extends QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function newFolder(): Promise<string> {
  return join(await scratchFolder('postgres'), 'pg');
}

describe('one server', () => {
  let server: EmbeddedPostgres & { dataDir: string };
  beforeAll(async () => {
    server = await startPrivatePostgres();
  });
  afterAll(() => server.stop());

  test('is durable, in UTF-8 and in UTC, whatever the locale of the shell', async () => {
    const [row] = await query(
      server.url(),
      `select current_setting('fsync') as fsync, current_setting('server_encoding') as encoding,
              current_setting('TimeZone') as zone, upper('é') as upper,
              (select datlocprovider::text || ':' || datlocale from pg_database where datname = 'postgres') as locale`,
    );
    expect(row).toEqual({ fsync: 'on', encoding: 'UTF8', zone: 'UTC', upper: 'É', locale: 'b:C.UTF-8' });
  });

  test('listens on 127.0.0.1 only', async () => {
    const [row] = await query(server.url(), `select current_setting('listen_addresses') as addresses`);
    expect(row).toEqual({ addresses: '127.0.0.1' });
  });

  test('refuses a wrong password', async () => {
    const url = new URL(server.url());
    url.password = 'guess';
    await expect(query(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('refuses a second owner while the first one lives', async () => {
    const second = startEmbeddedPostgres({ dataDir: server.dataDir, log: testLogger() });
    await expect(second).rejects.toMatchObject({ code: 'EMBEDDED_IN_USE' });
    expect(await query(server.url(), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('keeps what was committed through a crash, on the same port', async () => {
    const { port, pid } = server;
    await query(server.url(), 'create table crash (n int); insert into crash values (7)');
    await server.restart('immediate');
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await query(server.url(), 'select n from crash')).toEqual([{ n: 7 }]);
  });
});

describeOnLinux('on Linux', () => {
  test('the server is in another process group, so that Ctrl-C does not reach it', async () => {
    const server = await startPrivatePostgres();
    const group = async (pid: number) =>
      (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[2];
    expect(await group(server.pid)).toBe(String(server.pid));
    expect(await group(process.pid)).not.toBe(String(server.pid));
    await server.stop();
  });
});

describe('starting again', () => {
  test('after its starter was killed finds the data and leaves one server', async () => {
    const dataDir = await newFolder();
    const child = startChild(CHILD, [dataDir]);
    const first = (await child.answer) as { url: string; pid: number };
    await query(first.url, `create table kept (n int); insert into kept values (42)`);
    await child.kill();
    expect(isRunning(first.pid)).toBe(true);

    const { log, messages } = recordingLogger();
    const server = await startEmbeddedPostgres({ dataDir, log });
    try {
      expect(isRunning(first.pid)).toBe(false);
      expect(messages).toContain('stopping the PostgreSQL server that a killed process left behind');
      expect(await query(server.url(), 'select n from kept')).toEqual([{ n: 42 }]);
    } finally {
      await server.stop();
    }
  });

  test.each(['is gone', 'is another program of the same user'])(
    'gets over a postmaster.pid whose process %s',
    async (which) => {
      const server = await startPrivatePostgres();
      await query(server.url(), 'create table kept ()');
      await server.stop();
      const { uid, gid } = await stat(server.dataDir);
      const other = spawn('sleep', ['600'], { uid, gid, cwd: '/', stdio: 'ignore' });
      const pid = which === 'is gone' ? 2 ** 22 - 1 : String(other.pid);
      const note = join(server.dataDir, 'data', 'postmaster.pid');
      await writeFile(note, `${pid}\n${server.dataDir}/data\n1\n5432\n`);

      const again = await startPrivatePostgres({ dataDir: server.dataDir });
      expect(other.exitCode).toBeNull();
      expect(await query(again.url(), `select to_regclass('kept')::text as name`)).toEqual([
        { name: 'kept' },
      ]);
      await again.stop();
      other.kill();
    },
  );

  test('gets over an initdb that was killed half-way', async () => {
    const dataDir = await newFolder();
    await mkdir(join(dataDir, 'data.new'), { recursive: true });
    await writeFile(join(dataDir, 'data.new', 'PG_VERSION'), '18\n');
    const server = await startPrivatePostgres({ dataDir });
    expect(await query(server.url(), 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
  });

  test('refuses data of another major version and says what to do', async () => {
    const dataDir = await newFolder();
    await mkdir(join(dataDir, 'data'), { recursive: true });
    await writeFile(join(dataDir, 'data', 'PG_VERSION'), '17\n');
    await expect(startPrivatePostgres({ dataDir })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_VERSION',
      message: expect.stringContaining('PostgreSQL 17') as string,
    });
  });
});

describe('trouble', () => {
  let blocker: Server | undefined;
  afterEach(() => blocker?.close());

  test('takes a free port and says so when the wanted one is taken', async () => {
    blocker = createServer();
    const taken = await new Promise<number>((resolve) => {
      blocker?.listen(0, '127.0.0.1', () => resolve((blocker?.address() as { port: number }).port));
    });
    const { log, messages } = recordingLogger();
    const server = await startPrivatePostgres({ port: taken, log });
    expect(server.port).not.toBe(taken);
    expect(messages).toContain(`port ${taken} is taken: PostgreSQL listens on ${server.port} instead`);
    await server.stop();
  });

  test('tells its owner once when it ends unasked, can be started again, and says nothing when it is stopped', async () => {
    const onExit = jest.fn();
    const server = await startPrivatePostgres({ onExit });
    await server.restart();
    expect(onExit).not.toHaveBeenCalled();
    process.kill(server.pid, 'SIGKILL');
    await waitFor(() => onExit.mock.calls.length > 0);
    await server.restart();
    expect(await query(server.url(), 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
    expect(onExit).toHaveBeenCalledTimes(1);
  });

  test('shows the end of the log when the server does not start', async () => {
    await expect(startPrivatePostgres({ settings: { shared_buffers: 'plenty' } })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringContaining('invalid value for parameter "shared_buffers": "plenty"') as string,
    });
  });

  test('puts back the links that a blocked install script did not make', async () => {
    const { postgres } = await preparePostgresBinaries(undefined, testLogger());
    const link = join(dirname(postgres), '..', 'lib', 'libecpg.so');
    if (!existsSync(link)) return; // this platform's package has none
    await unlink(link);
    await preparePostgresBinaries(undefined, testLogger());
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });
});

describeAsRoot('as root', () => {
  test('PostgreSQL runs as another user, who owns its folder', async () => {
    const server = await startPrivatePostgres();
    const owner = (await stat(`/proc/${server.pid}`)).uid;
    expect(owner).not.toBe(0);
    expect((await stat(server.dataDir)).uid).toBe(owner);
    await server.stop();
  });

  test('data goes where that user can get, when the folder is closed to all but root', async () => {
    const closed = join(await scratchFolder('closed'), 'home');
    await mkdir(closed, { mode: 0o700 });
    const dataDir = join(closed, 'pg');
    const { log, messages } = recordingLogger();
    const server = await startPrivatePostgres({ dataDir, log });
    const elsewhere = await realpath(dataDir);
    try {
      expect((await lstat(dataDir)).isSymbolicLink()).toBe(true);
      expect(messages.join('\n')).toContain(`its data is kept in ${elsewhere}`);
      await query(server.url(), 'create table kept ()');
      await server.stop();

      const again = await startPrivatePostgres({ dataDir });
      expect(await query(again.url(), `select to_regclass('kept')::text as name`)).toEqual([
        { name: 'kept' },
      ]);
      await again.stop();
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });
});
