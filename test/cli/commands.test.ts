import { readdir } from 'node:fs/promises';
import { openDatabase, type Database } from '../../platform/database';
import { choosePort } from '../../platform/embedded/ports';
import type { TemporalServer } from '../../platform/embedded/temporal';
import { createEmptyDatabase, type TestDatabase } from '../support/database';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, startPrivateTemporal, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { holdfast, startHoldfast, type Running } from './holdfast';

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
    expect(code).toBe(1);
    expect(stderr).toContain('holdfast migrate');
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
  it('is told in one line by every command', async () => {
    for (const command of ['migrate', 'seed']) {
      const { code, stderr } = await holdfast([command], {
        cwd,
        env: { DATABASE_URL: 'postgresql://127.0.0.1:1/x' },
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^holdfast: PostgreSQL: .*ECONNREFUSED.*\n$/);
    }
  });
});

describe('api and worker as processes of their own', () => {
  let temporal: TemporalServer;
  let api: Running | undefined;
  let worker: Running | undefined;
  let port: number;

  beforeAll(async () => {
    temporal = await startPrivateTemporal();
    env = { DATABASE_URL: database.url, TEMPORAL_ADDRESS: temporal.address, LOG_LEVEL: 'info' };
  });

  afterAll(async () => {
    for (const process of [api, worker]) process?.kill('SIGKILL');
    await Promise.all([api?.ended, worker?.ended]);
    await temporal.stop();
  });

  it('doctor misses the worker and the API before they are started', async () => {
    const { code, stdout } = await holdfast(['doctor'], { cwd, env: { ...env, PORT: '1' } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/ok +Temporal +server \d+\.\d+/);
    expect(stdout).toMatch(/ok +Namespace +default/);
    expect(stdout).toMatch(/ok +Search attributes +OrderStatus/);
    expect(stdout).toMatch(/WRONG +Workers/);
    expect(stdout).toMatch(/WRONG +API/);
    expect(stdout).toMatch(/\* DATABASE_URL +postgres.*:hidden@/);
    const other = await holdfast(['doctor', 'temporal'], {
      cwd,
      env: { ...env, TEMPORAL_NAMESPACE: 'elsewhere' },
    });
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(/WRONG +Namespace +elsewhere does not exist/);
  });

  it('take an order, with nothing in common but the two servers', async () => {
    port = await choosePort(undefined, 'a test', testLogger());
    env = { ...env, PORT: String(port), SANDBOX_CARRIER_DELAY_MS: '0' };
    api = startHoldfast(['api'], { cwd, env });
    worker = startHoldfast(['worker'], { cwd, env });
    const order = {
      items: [{ sku: 'CHAIR-001', quantity: 1 }],
      customerId: 'c-1',
      payment: { method: 'card', token: 'tok_ok' },
    };
    const placed = await waitFor(async () => {
      const response = await post(order);
      return response.status === 201 ? ((await response.json()) as { id: string }) : undefined;
    });
    await waitFor(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/orders/${placed.id}/status`);
      return ((await response.json()) as { status: string }).status === 'fulfilled';
    });
    await expectInvariants(db);
  });

  it('doctor finds all of it well', async () => {
    const { code, stdout } = await holdfast(['doctor'], { cwd, env });
    expect(stdout).not.toContain('WRONG');
    expect(code).toBe(0);
    const here = await holdfast(['doctor', 'worker', '--this-host'], { cwd, env });
    expect(here.code).toBe(0);
  });

  it('a second API on the same port says which port is taken', async () => {
    const { code, stderr } = await holdfast(['api'], { cwd, env });
    expect(code).toBe(1);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });

  it('stop when they are asked to', async () => {
    for (const process of [api, worker]) process?.kill('SIGTERM');
    const ended = await Promise.all([api?.ended, worker?.ended]);
    expect(ended.map((one) => one?.code)).toEqual([0, 0]);
  });

  it('up uses the servers that are set and starts none of its own', async () => {
    const home = await scratchFolder('own-servers');
    const { code, stdout, stderr } = await holdfast(['up', '--smoke'], {
      cwd,
      env: { DATABASE_URL: database.url, TEMPORAL_ADDRESS: temporal.address, HOLDFAST_HOME: home },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('(DATABASE_URL)');
    expect(stdout).toContain('(TEMPORAL_ADDRESS)');
    expect(await readdir(home)).toEqual([]);
    await expectInvariants(db);
  });

  it('a worker tells that its namespace does not exist', async () => {
    const { code, stderr } = await holdfast(['worker'], {
      cwd,
      env: { ...env, TEMPORAL_NAMESPACE: 'elsewhere' },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('namespace create --namespace elsewhere');
  });

  it('a worker without Temporal fails and says where it looked', async () => {
    const { code, stderr } = await holdfast(['worker'], {
      cwd,
      env: { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('Temporal does not answer at 127.0.0.1:1');
  });

  async function post(order: unknown): Promise<Response> {
    return fetch(`http://127.0.0.1:${port}/api/v1/orders`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(order),
    });
  }
});
