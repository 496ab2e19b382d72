import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { buildGoTool } from '../../platform/embedded/go-tool';
import { findProcesses, isRunning } from '../../platform/embedded/processes';
import { createTestDatabase } from '../support/database';
import { scratchFolder, startPrivatePostgres, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { holdfast } from './holdfast';
import { ACCOUNTS_SET_UP, createHome, expectStopped, READY, type DevFile, type Home } from './home';

let home: Home;

beforeAll(async () => {
  await ensureBuilt();
  home = await createHome();
});

afterEach(() => home.close());

async function placeOrder({ baseUrl, adminApiKey }: DevFile): Promise<string> {
  const response = await fetch(`${baseUrl}/api/v1/orders`, {
    method: 'POST',
    headers: { 'X-Api-Key': adminApiKey, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      items: [{ sku: 'LAPTOP-001', quantity: 1 }],
      customerId: 'c-1',
      holdSeconds: 3600,
    }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

async function queryOn(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function statusOf({ baseUrl, adminApiKey }: DevFile, orderId: string): Promise<string> {
  const headers = { 'X-Api-Key': adminApiKey };
  const response = await fetch(`${baseUrl}/api/v1/orders/${orderId}/status`, { headers });
  return ((await response.json()) as { status: string }).status;
}

// One home through its life: each start finds what the one before has left.
describe('holdfast up', () => {
  let orderId: string;
  let keys: Pick<DevFile, 'adminApiKey' | 'operatorApiKey' | 'serviceApiKey' | 'publishableKey'>;

  it('--smoke starts everything on an empty home, shows the demo and ends with nothing left', async () => {
    const first = home.up(['--smoke']);
    const { code, stdout, stderr } = await first.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('200 products and 6 warehouses added');
    for (const end of ['FULFILLED', 'declined', 'EXPIRED', '409 OUT_OF_STOCK', 'refunded', 'CANCELLED']) {
      expect(stdout).toContain(end);
    }
    expect(stdout).toContain('The demo went right.');
    await home.expectNothingLeft(first);
  });

  it('tells in dev.json where everything is, and keeps data over SIGTERM and a second start', async () => {
    const started = home.up(['--no-demo']);
    await started.says(READY);
    expect(started.stdout()).not.toContain('Demo orders');
    expect(started.stdout()).toContain('nothing changed');
    const dev = await home.devFile();
    expect(dev).toMatchObject({ pid: started.pid, temporalNamespace: 'default' });
    expect(started.stdout()).toContain(`curl -s ${dev.baseUrl}/api/v1/orders`);
    expect((await fetch(dev.temporalUi)).status).toBe(200);
    const metrics = await (await fetch(`${dev.baseUrl}/metrics`)).text();
    expect(metrics).toContain('state="closed",part="worker"} 1\n');
    expect(metrics.match(/^# TYPE process_cpu_seconds_total /gm)).toHaveLength(1);
    orderId = await placeOrder(dev);
    const { adminApiKey, operatorApiKey, serviceApiKey, publishableKey } = dev;
    keys = { adminApiKey, operatorApiKey, serviceApiKey, publishableKey };
    const asked = Object.values(keys).map((key) =>
      fetch(`${dev.baseUrl}/api/v1/api-keys`, { headers: { 'X-Api-Key': key } }),
    );
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 403, 403, 403]);
    for (const file of ['dev.json', 'demo-keys.json'])
      expect((await stat(join(home.path, file))).mode & 0o777).toBe(0o600);
    // The secret by which the sandbox carrier signs, for its owner only.
    expect((await stat(join(home.path, 'carrier-secret'))).mode & 0o777).toBe(0o600);
    const unsigned = await fetch(`${dev.baseUrl}/api/v1/carriers/sandbox/events`, { method: 'POST' });
    expect(unsigned.status).toBe(401);

    started.kill('SIGTERM');
    const { code, stderr } = await started.ended;
    expect(code).toBe(0);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('"verdict":"missing"')]);
    await home.expectNothingLeft(started);
  });

  it('refuses to start twice on one home and names the process that runs', async () => {
    const started = home.up(['--no-demo']);
    await started.says(READY);
    const { code, stderr } = await home.up(['--no-demo']).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`already run by process ${started.pid}`);
    expect(await statusOf(await home.devFile(), orderId)).toBe('reserved');
    expect(await home.devFile()).toMatchObject(keys);

    // As Ctrl-C in a terminal below npm: once from the terminal, once from npm.
    started.kill('SIGINT');
    started.kill('SIGINT');
    expectStopped(await started.ended);
    await home.expectNothingLeft(started);
  });

  it('runs as a role that owns nothing, which a home of an earlier version gets too: that keeps its data', async () => {
    const server = await startPrivatePostgres({ dataDir: join(home.path, 'postgres') });
    // As the version before left it.
    await queryOn(server.url('holdfast'), 'drop owned by holdfast_runtime', 'drop role holdfast_runtime');
    await server.stop();
    await rm(join(home.path, 'postgres', 'runtime-password'));

    const started = home.up(['--no-demo']);
    await started.says(READY);
    const dev = await home.devFile();
    expect(await statusOf(dev, orderId)).toBe('reserved');
    expect((await stat(join(home.path, 'postgres', 'runtime-password'))).mode & 0o777).toBe(0o600);
    expect(new URL(dev.databaseUrl).username).toBe('holdfast_runtime');
    await queryOn(dev.databaseUrl, 'select from orders');
    for (const statement of [
      'drop table orders',
      'truncate ledger_seals',
      'update ledger_seals set row_count = 1',
    ])
      await expect(queryOn(dev.databaseUrl, statement)).rejects.toMatchObject({ code: '42501' });
    const doctor = await holdfast(['doctor', 'database'], {
      cwd: home.path,
      env: { HOLDFAST_HOME: home.path },
    });
    expect(doctor.stdout).toContain('holdfast_runtime owns no table');
    const migrated = await holdfast(['migrate'], { cwd: home.path, env: { HOLDFAST_HOME: home.path } });
    expect(migrated).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nothing to apply.') as string,
    });
    started.kill('SIGINT');
    expectStopped(await started.ended);
    await home.expectNothingLeft(started);
  });

  it('starts again after kill -9 of the parent, with orders and demo as if nothing had happened', async () => {
    const killed = home.up();
    // In the midst of the demo, so that its orders are left open.
    await killed.says('Demo orders');
    const before = (await home.devFile()).pid;
    killed.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    expect((await findProcesses(home.path)).length).toBeGreaterThan(0);

    const again = home.up();
    await again.says(READY);
    const dev = await home.devFile();
    expect(dev.pid).not.toBe(before);
    expect(again.stdout()).not.toContain('WRONG');
    expect(await statusOf(dev, orderId)).toBe('reserved');

    again.kill('SIGINT');
    expectStopped(await again.ended);
    await home.expectNothingLeft(again);
  });

  it('puts neither catalogue nor orders into a database of the user with --no-demo', async () => {
    const database = await createTestDatabase();
    try {
      const started = home.up(['--no-demo'], { DATABASE_URL: database.url, ...ACCOUNTS_SET_UP });
      await started.says(READY);
      const dev = await home.devFile();
      const { baseUrl } = dev;
      // Whoever has a database of their own makes the keys of it.
      for (const made of ['adminApiKey', 'operatorApiKey', 'serviceApiKey', 'publishableKey', 'customer'])
        expect(dev).not.toHaveProperty(made);
      const products = await fetch(`${baseUrl}/api/v1/products`);
      expect(await products.json()).toMatchObject({ items: [] });
      started.kill('SIGINT');
      expectStopped(await started.ended);
      await home.expectNothingLeft(started);
    } finally {
      await database.drop();
    }
  });

  it('stops everything and fails when PostgreSQL ends under it', async () => {
    const started = home.up(['--no-demo']);
    await started.says(READY);
    const postmaster = Number(
      (await readFile(join(home.path, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0],
    );
    process.kill(postmaster, 'SIGKILL');
    const { code, stderr } = await started.ended;
    expect(code).toBe(2);
    expect(stderr).toContain('the embedded PostgreSQL ended unasked');
    await home.expectNothingLeft(started);
  });

  it('stops everything and fails when Temporal ends under it', async () => {
    const started = home.up(['--no-demo']);
    await started.says(READY);
    const [server] = await findProcesses(join(home.path, 'temporal.db'));
    process.kill(server?.pid ?? NaN, 'SIGKILL');
    const { code, stderr } = await started.ended;
    expect(code).toBe(2);
    expect(stderr).toContain('the embedded Temporal server ended unasked');
    await home.expectNothingLeft(started);
  });

  it('ends the build of the Temporal program when it is stopped meanwhile', async () => {
    const bin = await scratchFolder('fake-go');
    const script = `#!/bin/sh\nif [ "$1" = version ]; then exit 0; fi\necho $$ > ${bin}/pid\nexec sleep 600\n`;
    await writeFile(join(bin, 'go'), script, { mode: 0o755 });
    const build = new AbortController();
    const cacheDir = await scratchFolder('cache');
    const env = { ...process.env, PATH: `${bin}:/usr/bin:/bin` };
    const tool = { package: 'example.org/slow', version: 'v1.0.0' };
    const built = buildGoTool(tool, { log: testLogger(), cacheDir, env, signal: build.signal });
    const outcome = built.catch((error: unknown) => error);
    const pid = Number(await waitFor(() => readFile(join(bin, 'pid'), 'utf8')));
    build.abort();
    expect(await outcome).toMatchObject({ code: 'GO_BUILD_FAILED' });
    await waitFor(() => !isRunning(pid));
  });

  it('ends at once at a second signal, and leaves no server behind', async () => {
    const started = home.up(['--no-demo'], { SHUTDOWN_GRACE_SECONDS: '60' });
    await started.says(READY);
    const { baseUrl, adminApiKey } = await home.devFile();
    const stuck = await fetch(`${baseUrl}/api/v1/orders/${orderId}/events`, {
      headers: { 'X-Api-Key': adminApiKey, Accept: 'text/event-stream' },
    });
    started.kill('SIGTERM');
    await started.says('Stopping');
    const forced = setInterval(() => started.kill('SIGTERM'), 200);
    await started.ended;
    clearInterval(forced);
    await stuck.body?.cancel().catch(() => undefined);
    await waitFor(async () => (await findProcesses(home.path)).length === 0);
    expect(isRunning(started.pid)).toBe(false);
  });

  it('says what to do with a folder of a version with other migrations, and starts nothing on it', async () => {
    const server = await startPrivatePostgres({ dataDir: join(home.path, 'postgres') });
    const client = new Client({ connectionString: server.url('holdfast') });
    await client.connect();
    await client.query(`delete from knex_migrations;
      insert into knex_migrations (name) values ('0001_catalog.sql'), ('0002_inventory.sql'), ('0016_named_units.sql')`);
    await client.end();
    await server.stop();

    const refused = home.up(['--no-demo']);
    const { code, stdout, stderr } = await refused.ended;
    expect(code).toBe(2);
    expect(stderr).toContain('0002_inventory.sql, 0016_named_units.sql, and lacks 0002_stock.sql');
    expect(stderr).toContain('set HOLDFAST_HOME to another folder');
    expect(stdout).not.toContain('API');
    await home.expectNothingLeft(refused);
  });
});
