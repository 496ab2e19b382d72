import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { buildGoTool } from '../../platform/embedded/go-tool';
import { findProcesses, isRunning } from '../../platform/embedded/processes';
import { scratchFolder, temporalCliPath, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { startHoldfast, type Ended, type Running } from './holdfast';

interface DevFile {
  baseUrl: string;
  databaseUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalUi: string;
  pid: number;
}

const READY = 'Ctrl-C stops everything';

let home: string;
let running: Running[] = [];

beforeAll(async () => {
  await ensureBuilt();
  home = join(await scratchFolder('up'), 'home');
});

afterEach(async () => {
  for (const one of running) one.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
});

function up(args: readonly string[] = [], env: Record<string, string> = {}): Running {
  const started = startHoldfast(['up', ...args], {
    cwd: join(home, '..'),
    env: { HOLDFAST_HOME: home, TEMPORAL_CLI_PATH: temporalCliPath(), ...env },
  });
  running.push(started);
  return started;
}

async function devFile(): Promise<DevFile> {
  return JSON.parse(await readFile(join(home, 'dev.json'), 'utf8')) as DevFile;
}

async function placeOrder(baseUrl: string): Promise<string> {
  const response = await fetch(`${baseUrl}/api/v1/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      items: [{ sku: 'LAPTOP-001', quantity: 1 }],
      customerId: 'c-1',
      holdSeconds: 3600,
    }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

async function statusOf(baseUrl: string, orderId: string): Promise<string> {
  const response = await fetch(`${baseUrl}/api/v1/orders/${orderId}/status`);
  return ((await response.json()) as { status: string }).status;
}

/** Everything that was started has this home in its command line; the program itself does not. */
async function expectNothingLeft({ pid }: Running): Promise<void> {
  await waitFor(async () => (await findProcesses(home)).length === 0, 10_000);
  expect(isRunning(pid)).toBe(false);
  await expect(devFile()).rejects.toThrow('ENOENT');
}

function expectStopped({ code, stderr }: Ended): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

// One home through its life: each start finds what the one before has left.
describe('holdfast up', () => {
  let orderId: string;

  it('--smoke starts everything on an empty home, shows the demo and ends with nothing left', async () => {
    const first = up(['--smoke']);
    const { code, stdout, stderr } = await first.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('200 products and 6 warehouses added');
    for (const end of ['FULFILLED', 'declined', 'EXPIRED', '409 OUT_OF_STOCK', 'refunded', 'CANCELLED']) {
      expect(stdout).toContain(end);
    }
    expect(stdout).toContain('The demo went right.');
    await expectNothingLeft(first);
  });

  it('tells in dev.json where everything is, and keeps data over SIGTERM and a second start', async () => {
    const started = up(['--no-demo']);
    await started.says(READY);
    expect(started.stdout()).not.toContain('Demo orders');
    expect(started.stdout()).toContain('nothing changed');
    const dev = await devFile();
    expect(dev).toMatchObject({ pid: started.pid, temporalNamespace: 'default' });
    expect(started.stdout()).toContain(`curl -s ${dev.baseUrl}/api/v1/orders`);
    expect((await fetch(dev.temporalUi)).status).toBe(200);
    orderId = await placeOrder(dev.baseUrl);

    started.kill('SIGTERM');
    expectStopped(await started.ended);
    await expectNothingLeft(started);
  });

  it('refuses to start twice on one home and names the process that runs', async () => {
    const started = up(['--no-demo']);
    await started.says(READY);
    const { code, stderr } = await up(['--no-demo']).ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`already run by process ${started.pid}`);
    expect(await statusOf((await devFile()).baseUrl, orderId)).toBe('reserved');

    // As Ctrl-C in a terminal below npm: once from the terminal, once from npm.
    started.kill('SIGINT');
    started.kill('SIGINT');
    expectStopped(await started.ended);
    await expectNothingLeft(started);
  });

  it('starts again after kill -9 of the parent, with orders and demo as if nothing had happened', async () => {
    const killed = up();
    // In the midst of the demo, so that its orders are left open.
    await killed.says('Demo orders');
    const before = (await devFile()).pid;
    killed.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    expect((await findProcesses(home)).length).toBeGreaterThan(0);

    const again = up();
    await again.says(READY);
    const dev = await devFile();
    expect(dev.pid).not.toBe(before);
    expect(again.stdout()).not.toContain('WRONG');
    expect(await statusOf(dev.baseUrl, orderId)).toBe('reserved');

    again.kill('SIGINT');
    expectStopped(await again.ended);
    await expectNothingLeft(again);
  });

  it('stops everything and fails when PostgreSQL ends under it', async () => {
    const started = up(['--no-demo']);
    await started.says(READY);
    const postmaster = Number(
      (await readFile(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0],
    );
    process.kill(postmaster, 'SIGKILL');
    const { code, stderr } = await started.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('the embedded PostgreSQL ended unasked');
    await expectNothingLeft(started);
  });

  it('stops everything and fails when Temporal ends under it', async () => {
    const started = up(['--no-demo']);
    await started.says(READY);
    const [server] = await findProcesses(join(home, 'temporal.db'));
    process.kill(server?.pid ?? NaN, 'SIGKILL');
    const { code, stderr } = await started.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('the embedded Temporal server ended unasked');
    await expectNothingLeft(started);
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
    const failed = expect(built).rejects.toThrow('Go could not build');
    const pid = Number(await waitFor(() => readFile(join(bin, 'pid'), 'utf8')));
    build.abort();
    await failed;
    await waitFor(() => !isRunning(pid), 10_000);
  });

  it('ends at once at a second signal, and leaves no server behind', async () => {
    const started = up(['--no-demo'], { SHUTDOWN_GRACE_SECONDS: '60' });
    await started.says(READY);
    const stuck = await fetch(`${(await devFile()).baseUrl}/api/v1/orders/${orderId}/events`, {
      headers: { Accept: 'text/event-stream' },
    });
    started.kill('SIGTERM');
    await started.says('Stopping');
    const forced = setInterval(() => started.kill('SIGTERM'), 200);
    await started.ended;
    clearInterval(forced);
    await stuck.body?.cancel().catch(() => undefined);
    await waitFor(async () => (await findProcesses(home)).length === 0, 10_000);
    expect(isRunning(started.pid)).toBe(false);
  });
});

describe('the port of the API', () => {
  let occupied: Server;
  let port: number;

  beforeAll(async () => {
    occupied = createServer();
    port = await new Promise<number>((resolve) => {
      occupied.listen(0, '127.0.0.1', () => {
        const address = occupied.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });

  afterAll(() => new Promise((resolve) => occupied.close(resolve)));

  it('is an error when it was asked for and is taken', async () => {
    for (const [args, env] of [
      [['--port', String(port)], {}],
      [[], { PORT: String(port) }],
    ] as const) {
      const started = up(['--no-demo', ...args], env);
      const { code, stderr } = await started.ended;
      expect(code).toBe(1);
      expect(stderr).toContain(`127.0.0.1:${port}`);
      await expectNothingLeft(started);
    }
  });

  it('is a free one when the default is taken, and that is said', async () => {
    const blocker = createServer();
    // Whether we get it or somebody else has it already: now it is taken.
    await new Promise<void>((resolve) => {
      blocker.once('error', () => resolve()).listen(8080, '127.0.0.1', resolve);
    });
    const started = up(['--no-demo']);
    await started.says(READY);
    const { baseUrl } = await devFile();
    expect(started.stdout()).toContain('port 8080 is taken');
    expect(baseUrl).not.toBe('http://127.0.0.1:8080');
    expect((await fetch(`${baseUrl}/health`)).status).toBe(200);
    started.kill('SIGTERM');
    expectStopped(await started.ended);
    await new Promise((resolve) => blocker.close(resolve));
  });

  it('is the one that was asked for when that is free', async () => {
    await new Promise((resolve) => occupied.close(resolve));
    const started = up(['--no-demo', '--port', String(port)]);
    await started.says(READY);
    expect((await devFile()).baseUrl).toBe(`http://127.0.0.1:${port}`);
    started.kill('SIGTERM');
    expectStopped(await started.ended);
  });
});
