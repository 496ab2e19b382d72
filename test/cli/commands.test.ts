import { openDatabase, type Database } from '../../platform/database/database';
import { createEmptyDatabase, type TestDatabase } from '../support/database';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, testLogger } from '../support/servers';
import { ensureBuilt } from './build';
import { holdfast } from './holdfast';

let cwd: string;
let database: TestDatabase;
let db: Database;
let env: Record<string, string>;

beforeAll(async () => {
  await ensureBuilt();
  cwd = await scratchFolder('cli');
  database = await createEmptyDatabase();
  db = openDatabase({ url: database.url, poolSize: 2, log: testLogger() });
  env = { DATABASE_URL: database.url };
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

async function count(what: string): Promise<number> {
  const { rows } = await db.pool.query<{ n: number }>(`select count(*) as n from ${what}`);
  return rows[0]?.n ?? -1;
}

// The steps build on one another, as they do for whoever sets Holdfast up.
describe('setting up a database', () => {
  it('migrate --status lists what is pending and says so by its exit code', async () => {
    const { code, stdout } = await holdfast(['migrate', '--status'], { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/pending +0001_catalog\.sql/);
  });

  it('seed asks for the migrations first', async () => {
    const { code, stderr } = await holdfast(['seed'], { cwd, env });
    expect(code).toBe(2);
    expect(stderr).toContain('holdfast migrate');
    const asJson = await holdfast(['seed', '--json'], { cwd, env });
    expect(asJson).toMatchObject({ code: 2, stderr });
    expect(JSON.parse(asJson.stdout)).toEqual({
      error: { code: 'MIGRATIONS_PENDING', message: expect.stringContaining('holdfast migrate') as string },
    });
  });

  it('doctor tells what is pending and what to do about it', async () => {
    const { code, stdout } = await holdfast(['doctor', 'database'], { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/ok +PostgreSQL +18\./);
    expect(stdout).toMatch(/WRONG +Migrations +pending: 0001_catalog\.sql/);
    expect(stdout).toContain('→ holdfast migrate');
  });

  it('migrate, started twice at once, applies everything once', async () => {
    const both = await Promise.all([
      holdfast(['migrate'], { cwd, env }),
      holdfast(['migrate'], { cwd, env }),
    ]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.filter(({ stdout }) => stdout.includes('Nothing to apply.'))).toHaveLength(1);
    const status = await holdfast(['migrate', '--status'], { cwd, env });
    expect(status.code).toBe(0);
    expect(status.stdout).not.toContain('pending');
  });

  it('migrate of an older version warns of a newer database, and lets a rollback go on', async () => {
    await db.pool.query(`insert into knex_migrations (name) values ('9999_newer.sql')`);
    const { code, stdout, stderr } = await holdfast(['migrate'], { cwd, env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Nothing to apply.\n' });
    expect(stderr).toContain('the database is newer than this program');
    const status = await holdfast(['migrate', '--status'], { cwd, env });
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/unknown +9999_newer\.sql/);
    expect((await holdfast(['doctor', 'database'], { cwd, env })).stdout).toContain(
      'none pending, 1 of them by a newer version',
    );
    await db.pool.query(`delete from knex_migrations where name = '9999_newer.sql'`);
  });

  it('seed loads the demo catalogue, with each unit of stock in the ledger', async () => {
    const { code, stdout } = await holdfast(['seed'], { cwd, env });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'Demo catalogue: 200 products and 6 warehouses added.\n',
    });
    expect(await count('products')).toBe(200);
    expect(await count('categories')).toBeGreaterThan(5);
    expect(
      await count(`products where sku = 'LAPTOP-001' and price_minor = 129900 and currency = 'USD'`),
    ).toBe(1);
    expect(await count('warehouses where longitude < -60')).toBeGreaterThanOrEqual(2);
    expect(await count('warehouses where longitude > -20')).toBeGreaterThanOrEqual(2);
    const available =
      '(select product_id, sum(available) as units, count(*) filter (where available > 0) as places from stock group by 1) s';
    expect(await count(`${available} where units = 0`)).toBeGreaterThanOrEqual(1);
    expect(await count(`${available} where units between 1 and 10`)).toBeGreaterThanOrEqual(10);
    expect(await count(`${available} where places = 2`)).toBeGreaterThanOrEqual(1);
    await expectInvariants(db);
  });

  it('a second seed keeps everything, prices and stock that were changed included', async () => {
    await db.query({ name: 'reprice', text: `update products set price_minor = 1 where sku = 'LAPTOP-001'` });
    const entries = await count('inventory_transactions');
    const { code, stdout } = await holdfast(['seed'], { cwd, env });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'Demo catalogue: there already, nothing changed.\n',
    });
    expect(await count(`products where sku = 'LAPTOP-001' and price_minor = 1`)).toBe(1);
    expect(await count('inventory_transactions')).toBe(entries);
    await expectInvariants(db);
  });

  it.each([
    [['migrate'], 0, { applied: [] }],
    [['migrate', '--status'], 0, { pending: [], unknown: [] }],
    [['seed'], 0, { products: 0, warehouses: 0 }],
    [['seed', 'transactions', '--rows', '20'], 0, { transactions: expect.any(Number) as number }],
    [['seed', 'history', '--rows', '1000'], 0, { products: 20, warehouses: 3 }],
    [['reports', 'rebuild'], 0, { rebuilding: true }],
    [['analytics', 'rebuild'], 0, { rebuilding: true }],
    [['verify'], 0, { findings: [] }],
    [['verify', '--seals'], 0, { mode: 'full' }],
    [['seals', 'head'], 0, { seq: expect.any(Number) as number }],
    [['work'], 0, []],
    [['work', 'retry'], 1, []],
    [['attention'], 0, { items: [], more: false }],
    [['why', 'sku', 'LAPTOP-001'], 0, { subject: { type: 'sku', id: 'LAPTOP-001' }, waiting: [] }],
    [['why', 'order', '00000000-0000-4000-8000-000000000000'], 2, { error: { code: 'NOT_FOUND' } }],
    [['why', 'order', 'x'], 2, { error: { code: 'VALIDATION_FAILED' } }],
    [['users', 'list'], 0, []],
    [['users', 'disable', 'nobody@example.com'], 2, { error: { code: 'UNKNOWN_USER' } }],
    [['services', 'create', 'shop', '--role', 'service', '--scope', 'orders'], 0, { service: 'shop' }],
    [['services', 'list'], 0, [{ name: 'shop', role: 'service' }]],
    [['keys', 'list', '--service', 'shop'], 0, [{ service: 'shop' }]],
    [['services', 'adopt-anonymous', 'shop'], 0, { name: 'shop' }],
    [
      ['doctor', 'database'],
      0,
      {
        findings: [
          { name: 'PostgreSQL', ok: true },
          { name: 'Migrations', ok: true },
          { name: 'Role', ok: true },
        ],
      },
    ],
    [['refund', 'retry', '00000000-0000-4000-8000-000000000000'], 2, { error: { code: 'REFUND_NOT_FOUND' } }],
    [
      ['order', 'review', '00000000-0000-4000-8000-000000000000', '--decision', 'approve'],
      2,
      { error: { code: expect.any(String) as string } },
    ],
  ])('%j prints one JSON value on request, and nothing else', async (args, expected, value) => {
    const { code, stdout } = await holdfast([...args, '--json'], { cwd, env });
    expect({ args, code, lines: stdout.trim().split('\n').length }).toEqual({
      args,
      code: expected,
      lines: 1,
    });
    const printed = JSON.parse(stdout) as unknown;
    if (Array.isArray(value)) expect(printed).toMatchObject(value);
    else expect(printed).toMatchObject(value);
  });

  it('doctor names the settings without which it has nothing to look at', async () => {
    const { code, stdout } = await holdfast(['doctor', 'database', 'temporal'], { cwd });
    expect(code).toBe(1);
    expect(stdout).toMatch(/WRONG +database +DATABASE_URL: is needed/);
    expect(stdout).toMatch(/WRONG +temporal +TEMPORAL_ADDRESS: is needed/);
  });

  it('doctor tells a server that is away from one that refuses the password', async () => {
    const away = await holdfast(['doctor', 'database'], {
      cwd,
      env: { DATABASE_URL: 'postgresql://127.0.0.1:1/x' },
    });
    expect(away.code).toBe(1);
    expect(away.stdout).toMatch(/WRONG +PostgreSQL +127\.0\.0\.1:1: .*ECONNREFUSED/);
    const url = new URL(database.url);
    url.password = 'wrong';
    const refused = await holdfast(['doctor', 'database'], { cwd, env: { DATABASE_URL: url.href } });
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('→ the password in DATABASE_URL is not right');
    expect(refused.stdout).not.toContain('wrong@');
  });
});

describe('a database that is away', () => {
  it('is reported in one line by every command', async () => {
    for (const command of ['migrate', 'seed']) {
      const { code, stderr } = await holdfast([command], {
        cwd,
        env: { DATABASE_URL: 'postgresql://127.0.0.1:1/x' },
      });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^holdfast: PostgreSQL: .*ECONNREFUSED.*\n$/);
    }
  });
});
