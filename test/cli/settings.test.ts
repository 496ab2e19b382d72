import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { redact } from '../../cli/doctor';
import { readSettings } from '../../platform/config';
import { scratchFolder } from '../support/servers';
import { ensureBuilt } from './build';
import { holdfast } from './holdfast';

let cwd: string;

beforeAll(async () => {
  await ensureBuilt();
  cwd = await scratchFolder('cli');
});

describe('settings', () => {
  it('are all checked before anything starts, and the message names each variable that is wrong', async () => {
    const env = {
      PORT: 'eighty',
      DATABASE_URL: 'mysql://localhost/x',
      TEMPORAL_ADDRESS: 'nowhere',
      PAYMENT_GATEWAY: 'stripe',
    };
    const { code, stderr, stdout } = await holdfast(['up'], { cwd, env });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const name of ['PORT', 'DATABASE_URL', 'TEMPORAL_ADDRESS']) expect(stderr).toContain(`${name}:`);
    expect(stderr).not.toContain('    at ');
  });

  it('that only make sense together are named too', async () => {
    const { code, stderr } = await holdfast(['worker'], { cwd, env: { PAYMENT_GATEWAY: 'stripe' } });
    expect(code).toBe(2);
    expect(stderr).toContain('STRIPE_API_KEY:');
  });

  it.each([
    [{ DATABASE_DIRECT_URL: 'postgresql://app@db/holdfast' }, 'DATABASE_DIRECT_URL'],
    [
      {
        DATABASE_URL: 'postgresql://app@pooler:6432/holdfast',
        DATABASE_DIRECT_URL: 'postgresql://other@db/holdfast',
      },
      'DATABASE_DIRECT_URL',
    ],
    [
      {
        DATABASE_URL: 'postgresql://app@pooler:6432/holdfast',
        DATABASE_DIRECT_URL: 'postgresql://app@db/holdfast',
        DATABASE_OWNER_URL: 'postgresql://owner@pooler:6432/holdfast',
      },
      'DATABASE_OWNER_URL',
    ],
    [
      { DATABASE_URL: 'postgresql://app@db/holdfast', DATABASE_OWNER_URL: 'postgresql://owner@db/elsewhere' },
      'DATABASE_OWNER_URL',
    ],
  ])('of one database must fit each other: %j', (env, wrong) => {
    expect(() => readSettings(env)).toThrow(`${wrong}: `);
  });

  it('of a pooler may call the database by another name', () => {
    const env = {
      DATABASE_URL: 'postgresql://app@pooler:6432/pooled',
      DATABASE_DIRECT_URL: 'postgresql://app@db/holdfast',
      DATABASE_OWNER_URL: 'postgresql://owner@db/holdfast',
    };
    expect(readSettings(env)).toMatchObject(env);
  });

  it('are read by the name that they had before, where the present one is not given', () => {
    expect(readSettings({ WORKER_METRICS_PORT: '9464' }).WORKER_ADMIN_PORT).toBe(9_464);
    expect(readSettings({ WORKER_METRICS_PORT: '9464', WORKER_ADMIN_PORT: '1' }).WORKER_ADMIN_PORT).toBe(1);
  });

  it('have other names: SERVER_PORT is PORT, and DB_HOST and its like make DATABASE_URL', () => {
    expect(readSettings({ SERVER_PORT: '9000' }).PORT).toBe(9_000);
    expect(readSettings({ SERVER_PORT: '9000', PORT: '9000' }).PORT).toBe(9_000);
    const parts = { DB_HOST: 'db', DB_NAME: 'shop', DB_USER: 'a/b' };
    expect(readSettings(parts).DATABASE_URL).toBe('postgresql://a%2Fb@db:5432/shop');
    const secret = { ...parts, DB_HOST: '::1', DB_PORT: '6432', DB_PASSWORD: 'p@ss/w:rd#%' };
    const url = readSettings(secret).DATABASE_URL;
    expect(new Client({ connectionString: url })).toMatchObject({
      host: '::1',
      port: 6_432,
      user: 'a/b',
      password: 'p@ss/w:rd#%',
      database: 'shop',
    });
  });

  it.each([
    [{ SERVER_PORT: '9000', PORT: '8080' }, 'SERVER_PORT'],
    [{ DB_HOST: 'db', DATABASE_URL: 'postgresql://app@db/holdfast' }, 'DB_HOST'],
    [{ DB_PASSWORD: 'hunter2', DATABASE_URL_FILE: '/nowhere' }, 'DB_PASSWORD'],
    [{ DB_HOST: 'db' }, 'DB_NAME'],
    [{ DB_PORT: '5432', DB_NAME: 'shop', DB_USER: 'app' }, 'DB_HOST'],
    [{ DB_HOST: 'db/x', DB_NAME: 'shop', DB_USER: 'app' }, 'DB_HOST'],
    [{ DB_HOST: 'db:5432', DB_NAME: 'shop', DB_USER: 'app' }, 'DB_HOST'],
    [{ DB_HOST: 'db', DB_PORT: '0', DB_NAME: 'shop', DB_USER: 'app' }, 'DB_PORT'],
    [{ DB_HOST: 'db', DB_NAME: 'shop?sslmode=disable', DB_USER: 'app' }, 'DB_NAME'],
  ])('that contradict each other, or are not whole, are an error: %j', (env, wrong) => {
    expect(() => readSettings(env)).toThrow(`${wrong}: `);
    expect(() => readSettings(env)).not.toThrow(/hunter2/);
  });

  it('on the command line win over each name that the environment has', async () => {
    const env = { SERVER_PORT: '9000', DB_HOST: 'db', SHUTDOWN_GRACE_SECONDS: 'none' };
    const { stderr } = await holdfast(['api', '--port', '0'], { cwd, env });
    expect(stderr).toContain('DB_NAME:');
    expect(stderr).not.toContain('PORT:');
  });

  it('with secrets are named without what they hold', async () => {
    for (const given of ['sandbox=hunter2', 'nobody=whsec_hunter2', 'whsec_hunter2']) {
      const env = { CARRIER_WEBHOOK_SECRETS: given };
      const { code, stderr } = await holdfast(['worker'], { cwd, env });
      expect(code).toBe(2);
      expect(stderr).toContain('CARRIER_WEBHOOK_SECRETS:');
      expect(stderr).not.toContain('hunter2');
    }
  });

  it('of a server that is needed are asked for by name', async () => {
    const { code, stderr } = await holdfast(['migrate'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('DATABASE_URL:');
  });

  it('name the TLS file that cannot be read', async () => {
    const env = {
      DATABASE_URL: 'postgresql://127.0.0.1:1/x',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(cwd, 'missing.pem'),
    };
    const { code, stderr } = await holdfast(['worker'], { cwd, env });
    expect(code).toBe(2);
    expect(stderr).toContain('TEMPORAL_TLS_SERVER_CA_CERT_PATH:');
  });

  it('are read from .env in the current folder, and the environment wins', async () => {
    const folder = await scratchFolder('cli-env');
    await writeFile(join(folder, '.env'), 'PORT=first\nHOST=\nSHUTDOWN_GRACE_SECONDS=second\n');
    const fromFile = await holdfast(['api'], { cwd: folder });
    expect(fromFile.stderr).toContain('PORT:');
    expect(fromFile.stderr).toContain('SHUTDOWN_GRACE_SECONDS:');
    const overridden = await holdfast(['api'], { cwd: folder, env: { PORT: '0' } });
    expect(overridden.stderr).not.toContain('PORT:');
    expect(overridden.stderr).toContain('SHUTDOWN_GRACE_SECONDS:');
  });
});

describe('the command line', () => {
  it('explains itself', async () => {
    const help = await holdfast(['--help'], { cwd });
    expect(help.code).toBe(0);
    for (const command of ['up', 'api', 'worker', 'migrate', 'seed', 'doctor']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    }
    const up = await holdfast(['up', '--help'], { cwd });
    for (const option of ['--no-demo', '--port', '--smoke']) expect(up.stdout).toContain(option);
  });

  it('takes --json in every command, and tells what its exit codes mean', async () => {
    const subcommands = (help: string) =>
      [...(help.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
    async function leaves(path: string[]): Promise<string[][]> {
      const { stdout } = await holdfast([...path, '--help'], { cwd });
      const below = subcommands(stdout).filter((name) => name !== 'help');
      if (path.length > 0) expect({ path, has: stdout.includes('--json') }).toEqual({ path, has: true });
      const found = await Promise.all(below.map((name) => leaves([...path, name])));
      return below.length === 0 ? [path] : found.flat();
    }
    const help = await holdfast(['--help'], { cwd });
    expect(help.stdout).toMatch(/Exit codes: 0 .*; 1 .*; 2 /s);
    expect((await leaves([])).length).toBeGreaterThan(25);
  });

  it('refuses what it does not know with exit code 2', async () => {
    for (const args of [
      ['fly'],
      ['up', '--wings'],
      ['up', '--port', '99999'],
      ['up', '--smoke', '--no-demo'],
      ['doctor', 'who'],
    ]) {
      const { code, stderr } = await holdfast(args, { cwd });
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).not.toBe('');
    }
  });
});

describe('secrets', () => {
  it('are not shown when settings are', () => {
    expect(redact('DATABASE_URL', 'postgresql://user:hunter2@host/db?sslpassword=hunter3')).not.toMatch(
      /hunter/,
    );
    expect(redact('DATABASE_URL', 'postgresql://user:hunter2@host/db')).toContain('user:');
    expect(redact('STRIPE_API_KEY', 'sk_live_hunter2')).not.toContain('hunter');
    expect(redact('TEMPORAL_API_KEY', 'hunter2')).not.toContain('hunter');
    expect(redact('CARRIER_WEBHOOK_SECRETS', ['sandbox=whsec_hunter2'])).not.toContain('hunter');
    expect(redact('TEMPORAL_ADDRESS', '127.0.0.1:7233')).toBe('127.0.0.1:7233');
  });
});
