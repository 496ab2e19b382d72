import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { seedCatalogue } from '../../domain/demo/seed';
import { openDatabase, type Database } from '../../platform/database/database';
import { choosePort } from '../../platform/embedded/ports';
import type { TemporalServer } from '../../platform/embedded/temporal';
import { AS_ADMIN } from '../support/access-keys';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, startPrivateTemporal, testLogger } from '../support/servers';
import { REFUSED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { ACCOUNTS_SET_UP } from './home';
import { holdfast, startHoldfast, type Running } from './holdfast';
import { readOnlyExcept } from './read-only';

let cwd: string;
let readOnly: Record<string, string>;
let database: TestDatabase;
let db: Database;
let env: Record<string, string>;
let baseUrl: string;
let workerAdminPort: number;
let temporalPort: number;
let temporal: TemporalServer | undefined;
const running: Running[] = [];

beforeAll(async () => {
  await ensureBuilt();
  cwd = await scratchFolder('cli');
  readOnly = readOnlyExcept(await scratchFolder('tmp'));
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 2, log: testLogger() });
  await seedCatalogue(db);
  const port = await choosePort(undefined, 'a test', testLogger());
  temporalPort = await choosePort(undefined, 'a test', testLogger());
  workerAdminPort = await choosePort(undefined, 'a test', testLogger());
  baseUrl = `http://127.0.0.1:${port}`;
  env = {
    DATABASE_URL: database.runtimeUrl,
    TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
    PORT: String(port),
    WORKER_ADMIN_PORT: String(workerAdminPort),
    SANDBOX_CARRIER_DELAY_MS: '0',
    ...CARRIER_SECRETS,
  };
});

afterAll(async () => {
  for (const one of running) one.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await temporal?.stop();
  await db.close();
  await database.drop();
});

/** As in a container. */
function start(command: string): void {
  running.push(startHoldfast([command], { cwd, env: { ...env, ...readOnly } }));
}

function placeOrder(): Promise<Response> {
  const order = {
    items: [{ sku: 'CHAIR-001', quantity: 1 }],
    customerId: 'c-1',
    payment: { method: 'card', token: 'tok_ok' },
  };
  return fetch(`${baseUrl}/api/v1/orders`, {
    method: 'POST',
    headers: { ...AS_ADMIN, 'Content-Type': 'application/json' },
    body: JSON.stringify(order),
  });
}

async function statusAt(url: string): Promise<string> {
  return (await json<{ status: string }>(await fetch(url))).status;
}

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

// Each part is started in its turn, as an operator would, and each step builds on those before.
describe('api and worker as processes of their own, which can write to their temporary folder alone', () => {
  it('any other write of such a process is refused', async () => {
    const write = ['-e', `require('node:fs').writeFileSync(${JSON.stringify(join(cwd, 'written'))}, '')`];
    const refused = promisify(execFile)(process.execPath, write, { env: { ...process.env, ...readOnly } });
    await expect(refused).rejects.toThrow('ERR_ACCESS_DENIED');
  });

  it('the API starts while Temporal is away, responds with 503, and doctor tells why', async () => {
    start('api');
    await waitFor(async () => (await statusAt(`${baseUrl}/health`)) === 'degraded');
    const asked = Date.now();
    const refused = await placeOrder();
    expect(refused.status).toBe(503);
    expect(Date.now() - asked).toBeLessThan(REFUSED_WITHIN_MS);
    expect(await json(refused)).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });

    const { code, stdout } = await holdfast(['doctor'], { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/ok +PostgreSQL/);
    expect(stdout).toMatch(/WRONG +Temporal +127\.0\.0\.1:\d+: /);
    expect(stdout).toMatch(/WRONG +API +http\S+ is degraded/);
    expect(stdout).toMatch(/\* DATABASE_URL +postgres.*:hidden@/);
  });

  it('the API is well within seconds when Temporal is there, and doctor misses only the worker', async () => {
    temporal = await startPrivateTemporal({ port: temporalPort });
    expect(temporal.port).toBe(temporalPort);
    await waitFor(async () => (await statusAt(`${baseUrl}/health`)) === 'up');
    const { code, stdout } = await holdfast(['doctor'], { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/ok +Temporal +server \d+\.\d+/);
    expect(stdout).toMatch(/ok +Namespace +default/);
    expect(stdout).toMatch(/ok +Search attributes +OrderStatus/);
    expect(stdout.match(/WRONG.*/g)).toEqual([expect.stringMatching(/^WRONG +Workers +none/)]);
  });

  it('take an order, with nothing in common but the two servers', async () => {
    const none = await holdfast(['deploy', '--wait', '1'], { cwd, env });
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('Start `holdfast worker` of that build first');
    start('worker');
    await waitFor(() => running.at(-1)?.stderr().includes('no build is current'));
    // Of a container, that the worker polls is enough: deploy waits for its health.
    await waitFor(async () => (await holdfast(['doctor', 'worker', '--this-host'], { cwd, env })).code === 0);
    const waits = await holdfast(['doctor', 'worker'], { cwd, env });
    expect(waits.code).toBe(1);
    expect(waits.stdout).toMatch(/ok +Workers/);
    expect(waits.stdout).toMatch(/WRONG +Build +no build is current/);
    const deployed = await holdfast(['deploy'], { cwd, env });
    expect({ code: deployed.code, stderr: deployed.stderr }).toEqual({ code: 0, stderr: '' });
    expect(deployed.stdout).toMatch(/Was current +none\n +Is current +build [0-9a-f]{12}\n/);
    const placed = await placeOrder();
    expect([201, 202]).toContain(placed.status);
    const { id } = await json<{ id: string }>(placed);
    await waitFor(async () => {
      const response = await fetch(`${baseUrl}/api/v1/orders/${id}/status`, { headers: AS_ADMIN });
      return (await json<{ status: string }>(response)).status === 'fulfilled';
    });
    await expectInvariants(db);
  });

  it('tell that they are alive and ready, each process for itself', async () => {
    for (const part of [baseUrl, `http://127.0.0.1:${workerAdminPort}`]) {
      const health = await json<object>(await fetch(`${part}/health`));
      expect(health).toMatchObject({
        status: 'up',
        version: expect.any(String) as string,
        checks: { database: { status: 'up' }, temporal: { status: 'up' } },
      });
      const ready = await fetch(`${part}/ready`);
      expect([ready.status, await json(ready)]).toEqual([200, { ready: true, reasons: [] }]);
    }
  });

  it('show metrics, each process its own', async () => {
    const text = async (url: string) => (await fetch(`${url}/metrics`)).text();
    const worker = await text(`http://127.0.0.1:${workerAdminPort}`);
    expect(worker).toContain(
      'holdfast_gateway_breaker_state{gateway="sandbox",state="closed",part="worker"} 1\n',
    );
    expect(worker).toMatch(/^holdfast_gateway_calls_total\{.*call="charge",outcome="captured".*\} 1$/m);
    expect(worker).toMatch(
      /^holdfast_worker_in_flight\{queue="payments",kind="activity",part="worker"\} 0$/m,
    );
    expect(worker).toMatch(/^process_cpu_seconds_total\{part="worker"\} /m);
    const api = await text(baseUrl);
    expect(api).toMatch(/^process_cpu_seconds_total\{part="api"\} /m);
    expect(api).not.toContain('holdfast_gateway_calls');
  });

  it('doctor finds all of it well', async () => {
    const { code, stdout } = await holdfast(['doctor'], { cwd, env });
    expect(stdout).not.toContain('WRONG');
    expect(code).toBe(0);
    expect((await holdfast(['doctor', 'worker', '--this-host'], { cwd, env })).code).toBe(0);
  });

  it('a build that no worker runs does not become current, and the same one stays so', async () => {
    const refused = await holdfast(['deploy', '--build', 'elsewhere', '--wait', '1'], { cwd, env });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /No worker of build elsewhere asks for work .*; those of build [0-9a-f]{12} do/,
    );
    expect((await holdfast(['deploy'], { cwd, env })).stdout).toMatch(/Is current .*, as before\n/);
  });

  it('a second API on the same port says which port is taken', async () => {
    const { code, stderr } = await holdfast(['api'], { cwd, env });
    expect(code).toBe(2);
    expect(stderr).toContain(new URL(baseUrl).host);
  });

  it('stop when they are asked to', async () => {
    for (const one of running) one.kill('SIGTERM');
    const ended = await Promise.all(running.map(({ ended }) => ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  });

  it('up uses the servers that are set and starts none of its own', async () => {
    const home = await scratchFolder('own-servers');
    const { code, stdout, stderr } = await holdfast(['up', '--smoke'], {
      cwd,
      env: {
        ...ACCOUNTS_SET_UP,
        DATABASE_URL: database.url,
        TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
        HOLDFAST_HOME: home,
        // The carrier has a parcel before its order can be cancelled, as on a slow machine: the demo goes right all the same.
        SANDBOX_CARRIER_DELAY_MS: '0',
      },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('(DATABASE_URL)');
    expect(stdout).toContain('(TEMPORAL_ADDRESS)');
    expect(await readdir(home)).toEqual(['carrier-secret']);
    await expectInvariants(db);
  });

  it('a worker, and doctor, tell that the namespace does not exist', async () => {
    const doctor = await holdfast(['doctor', 'temporal'], {
      cwd,
      env: { ...env, TEMPORAL_NAMESPACE: 'elsewhere' },
    });
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(/WRONG +Namespace +elsewhere does not exist/);
    const { code, stderr } = await holdfast(['worker'], {
      cwd,
      env: { ...env, TEMPORAL_NAMESPACE: 'elsewhere' },
    });
    expect(code).toBe(2);
    expect(stderr).toContain('namespace create --namespace elsewhere');
  });

  it('a worker without Temporal fails and says where it looked', async () => {
    const { code, stderr } = await holdfast(['worker'], {
      cwd,
      env: { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' },
    });
    expect(code).toBe(2);
    expect(stderr).toContain('Temporal does not answer at 127.0.0.1:1');
  });
});
