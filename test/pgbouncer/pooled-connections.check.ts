import { Client } from 'pg';
import { checkDatabase } from '../../cli/doctor-database';
import { readSettings } from '../../platform/config';
import { openDatabase, type Database } from '../../platform/database/database';
import { openListener } from '../../platform/database/listener';
import { lackingTimeouts, provideRoleTimeouts } from '../../platform/database/role-timeouts';
import { openDatabaseProbe } from '../../platform/health/database-probe';
import { migrationFiles } from '../../platform/database/migrations';
import { openTestShop, type TestShop } from '../support/fixtures';
import { messageOf } from '../../platform/errors';
import { productDatabase } from '../support/pooler';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { openTransaction } from '../support/transaction';

let shop: TestShop;
let url: string;
let directUrl: string;
let db: Database;

beforeAll(async () => {
  shop = await openTestShop();
  const product = productDatabase(shop.runtimeUrl);
  [url, directUrl] = [product.DATABASE_URL, product.DATABASE_DIRECT_URL ?? ''];
  db = openDatabase({ url, directUrl, poolSize: 20, log: testLogger() });
});
afterAll(async () => {
  await db.close();
  await shop.close();
});

const select = (name: string, text: string, values: unknown[] = []) => ({
  name: `test.${name}`,
  text,
  values,
});

test('the product goes through the pooler, and it is a pooler of transactions', async () => {
  expect(new URL(url).host).not.toBe(new URL(directUrl).host);
  const pids = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const { rows } = await db.query(select('pid', 'select pg_backend_pid() as pid, pg_sleep(0.02)'));
      return (rows[0] as { pid: number }).pid;
    }),
  );
  // Twenty clients, three connections of the server.
  expect(new Set(pids).size).toBeLessThanOrEqual(3);
});

test('a pool that asks for timeouts is turned away: so they are those of the role', async () => {
  const asking = openDatabase({ url, poolSize: 1, log: testLogger() });
  await expect(asking.query(select('one', 'select 1'))).rejects.toThrow(/unsupported startup parameter/);
  await asking.close();
});

describe('timeouts', () => {
  it('of the role hold on connections of the pooler', async () => {
    expect(await lackingTimeouts(db)).toEqual([]);
    const { rows } = await db.query(
      select(
        'timeouts',
        `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`,
      ),
    );
    expect(rows).toEqual([{ lock: '2s', statement: '30s' }]);
  });

  it('are set once, and what somebody has set for the role stays', async () => {
    expect(await provideRoleTimeouts(directUrl)).toEqual([]);
    const other = await openTestShop();
    const client = new Client({ connectionString: other.runtimeUrl });
    await client.connect();
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    await client.query(`alter role current_user in database ${rows[0]!.name} reset all`);
    await client.query(`alter role current_user in database ${rows[0]!.name} set lock_timeout = '7s'`);
    await client.end();
    expect(await provideRoleTimeouts(other.runtimeUrl)).toEqual([
      'statement_timeout',
      'idle_in_transaction_session_timeout',
    ]);
    const again = new Client({ connectionString: other.runtimeUrl });
    await again.connect();
    expect((await again.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '7s' }]);
    await again.end();
    await other.close();
  });

  it('end a wait for a lock', async () => {
    const holder = await openTransaction(shop.db);
    await holder.query('lock table warehouses in access exclusive mode');
    await expect(
      db.transaction((tx) => tx.query(select('warehouses', 'select from warehouses'))),
    ).rejects.toMatchObject({ code: '55P03' });
    await holder.query('rollback');
    holder.release();
  });

  it('of one transaction do not stay for the next client', async () => {
    await db.retrying((tx) => tx.query(select('one', 'select 1')), { lockTimeoutMs: 123 });
    const shown = await Promise.all(
      Array.from({ length: 12 }, () => db.query(select('lock_timeout', 'show lock_timeout'))),
    );
    expect(new Set(shown.map(({ rows }) => (rows[0] as { lock_timeout: string }).lock_timeout))).toEqual(
      new Set(['2s']),
    );
  });

  it('do not hold for a load, which goes to the server itself', async () => {
    const { rows } = await db.bulk((tx) =>
      tx.query(select('bulk', `select current_setting('statement_timeout') as statement`)),
    );
    // A pooler would have refused to be asked for that.
    expect(rows).toEqual([{ statement: '0' }]);
  });
});

test('prepared statements by name find their text on every connection of the server', async () => {
  const asked = Array.from({ length: 300 }, async (_, n) => {
    const name = `twice_${n % 7}`;
    const { rows } = await db.query(select(name, `select $1::int * ${n % 7} as product`, [n]));
    return (rows[0] as { product: number }).product === n * (n % 7);
  });
  expect((await Promise.all(asked)).every(Boolean)).toBe(true);
});

test('statements that are sent ahead of their answers stay in their transactions', async () => {
  await shop.db.pool.query('create table pooled (n int, turn int)');
  await shop.db.pool.query('grant all on pooled to public');
  await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      db
        .transaction(async (tx) => {
          await Promise.all(
            [1, 2, 3].map((turn) =>
              tx.query(select('insert', 'insert into pooled values ($1, $2)', [n, turn])),
            ),
          );
          if (n % 3 === 0) throw new Error('undo');
        })
        .catch((error: unknown) => {
          if (messageOf(error) !== 'undo') throw error;
        }),
    ),
  );
  const { rows } = await shop.db.pool.query(
    'select count(*)::int as rows, count(*) filter (where n % 3 = 0)::int as undone from pooled',
  );
  expect(rows).toEqual([{ rows: 120, undone: 0 }]);
});

test('notices of what is committed through the pooler reach who listens at the server itself', async () => {
  const listener = openListener({ url: directUrl, channels: ['holdfast_orders'], log: testLogger() });
  const heard: string[] = [];
  listener.on('holdfast_orders', (keys) => heard.push(...keys));
  await waitFor(() => listener.connected);
  await db.transaction(async (tx) => {
    await tx.query(select('one', 'select 1'));
    tx.notice('holdfast_orders', 'one-order');
  });
  await waitFor(() => heard.length > 0);
  expect(heard).toEqual(['one-order']);
  await listener.close();
});

describe('doctor', () => {
  const check = (given: { DATABASE_URL: string; DATABASE_DIRECT_URL: string }) =>
    checkDatabase(readSettings(given));

  it('finds the pooler well', async () => {
    const findings = await check({ DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl });
    expect(findings.map(({ name, ok }) => [name, ok])).toEqual([
      ['PostgreSQL', true],
      ['Migrations', true],
      ['Role', true],
      ['Pooler', true],
    ]);
  });

  it('tells where it leads to another database, or to none', async () => {
    const other = await openTestShop();
    const elsewhere = await check({ DATABASE_URL: url, DATABASE_DIRECT_URL: other.runtimeUrl });
    expect(elsewhere.at(-1)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('another') as string,
    });
    await other.close();
    const gone = new URL(url);
    gone.host = '127.0.0.1:9';
    const away = await check({ DATABASE_URL: gone.href, DATABASE_DIRECT_URL: directUrl });
    expect(away.at(-1)).toMatchObject({ name: 'Pooler', ok: false });
  });

  it('tells where the role has no timeouts', async () => {
    const other = await openTestShop();
    await other.db.pool.query(
      `do $$ begin execute format('alter role %I in database %I reset all', '${new URL(other.runtimeUrl).username}', current_database()); end $$`,
    );
    const product = productDatabase(other.runtimeUrl);
    const findings = await check({
      DATABASE_URL: product.DATABASE_URL,
      DATABASE_DIRECT_URL: other.runtimeUrl,
    });
    expect(findings.at(-1)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('lock_timeout') as string,
      advice: expect.stringContaining('holdfast migrate') as string,
    });
    await other.close();
  });
});

test('readiness is asked for through the pooler', async () => {
  const probe = openDatabaseProbe({ url, migrations: [...(await migrationFiles()), '9999_later.sql'] });
  expect(await probe.ask()).toEqual(['9999_later.sql']);
  await probe.close();
});
