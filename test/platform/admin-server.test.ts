import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Gauge } from 'prom-client';
import { createLogger } from '../../platform/telemetry/log';
import { addProcessMetrics, createMetricsRegistry, metricsText } from '../../platform/telemetry/metrics';
import { serveAdmin, type AdminServer } from '../../platform/health/admin-server';
import { createProcessHealth, type Health } from '../../platform/health/process-health';

const log = createLogger('silent');
let server: AdminServer | undefined;
afterEach(() => server?.close());

/** What the process is in, and depends on, as a test wants it. */
const state = {
  phase: 'running' as 'starting' | 'running' | 'stopping',
  pending: [] as string[],
  databaseIsUp: true,
  temporalIsUp: true,
};
beforeEach(() =>
  Object.assign(state, { phase: 'running', pending: [], databaseIsUp: true, temporalIsUp: true }),
);

const down = () => Promise.reject(new Error('down'));
const healthOf = (needsTemporal: boolean) =>
  createProcessHealth({
    database: {
      ask: () => (state.databaseIsUp ? Promise.resolve(state.pending) : down()),
      close: () => Promise.resolve(),
    },
    askTemporal: () => (state.temporalIsUp ? Promise.resolve() : down()),
    needsTemporal,
    phase: () => state.phase,
  });

function registryWith(part: string, metric: string) {
  const registry = createMetricsRegistry(part);
  new Gauge({ name: metric, help: metric, registers: [registry] }).set(1);
  return registry;
}

interface ServeOptions {
  allowedHosts?: readonly string[];
  requestMs?: number;
}

async function serve(host = '127.0.0.1', options: ServeOptions = {}) {
  const registry = registryWith('worker', 'one_thing');
  addProcessMetrics(registry);
  server = await serveAdmin({ host, port: 0, registry, health: healthOf(true), log, ...options });
  return `http://${host}:${server.port}`;
}

test('a process without an API serves its metrics', async () => {
  const url = await serve();
  const response = await fetch(`${url}/metrics?name=all`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const text = await response.text();
  expect(text).toContain('one_thing{part="worker"} 1');
  expect(text).toContain('process_cpu_seconds_total{part="worker"}');
});

test('it serves nothing else, and changes nothing', async () => {
  const url = await serve();
  expect((await fetch(`${url}/`)).status).toBe(404);
  for (const path of ['metrics', 'health', 'ready'])
    expect((await fetch(`${url}/${path}`, { method: 'POST' })).status).toBe(405);
});

test('it is alive whatever it depends on, and says what is down', async () => {
  const url = await serve();
  const health = async () => {
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(200);
    return (await response.json()) as Health;
  };
  expect(await health()).toMatchObject({
    status: 'up',
    timestamp: expect.stringMatching(/Z$/) as string,
    checks: { database: { status: 'up' }, temporal: { status: 'up' } },
  });
  state.databaseIsUp = false;
  expect(await health()).toMatchObject({
    status: 'degraded',
    checks: { database: { status: 'down' }, temporal: { status: 'up' } },
  });
});

test.each([
  ['everything is there', {}, []],
  ['it has not started yet', { phase: 'starting' }, ['starting']],
  ['it stops, whatever is down', { phase: 'stopping', databaseIsUp: false }, ['stopping']],
  ['the database is away', { databaseIsUp: false }, ['database_down']],
  ['migrations are pending', { pending: ['9999_later.sql'] }, ['schema_behind']],
  ['Temporal is away', { temporalIsUp: false }, ['temporal_down']],
])('it says whether it is ready, and why not: %s', async (_, change, reasons) => {
  const url = await serve();
  Object.assign(state, change);
  const response = await fetch(`${url}/ready`);
  expect(await response.json()).toEqual({ ready: reasons.length === 0, reasons });
  expect(response.status).toBe(reasons.length === 0 ? 200 : 503);
});

test('a process that needs Temporal for a part of its work is ready without it', async () => {
  state.temporalIsUp = false;
  expect(await healthOf(false).readiness()).toEqual({ ready: true, reasons: [] });
});

/** Of a request to what a test serves, under this name of the host. */
async function statusOf(url: string, path: string, host = 'evil.example') {
  const sent = request({ port: new URL(url).port, host: '127.0.0.1', path, headers: { host } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

test('on loopback, metrics have no name that a page could have point here; probes call by any', async () => {
  const url = await serve();
  expect(await statusOf(url, '/metrics')).toBe(421);
  expect(await statusOf(url, '/health')).toBe(200);
  expect(await statusOf(url, '/ready')).toBe(200);
});

test('on every address, metrics have the names that are allowed, where some are', async () => {
  const url = await serve('0.0.0.0', { allowedHosts: ['worker'] });
  expect(await statusOf(url, '/metrics')).toBe(421);
  expect(await statusOf(url, '/metrics', 'worker:9464')).toBe(200);
  expect(await statusOf(url, '/metrics', 'localhost')).toBe(200);
  expect(await statusOf(url, '/health')).toBe(200);
});

test('connections that bring no request, or never all of one, are closed', async () => {
  const url = await serve('127.0.0.1', { requestMs: 500 });
  const port = Number(new URL(url).port);
  const sent = [
    '',
    'GET /health HTTP/1.1\r\nhost:',
    'POST /health HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{',
  ];
  const closed = sent.map(async (text) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.resume();
    socket.write(text);
    await once(socket, 'close');
  });
  await Promise.all(closed);
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test('a port that is taken is named', async () => {
  await serve();
  const taken = serveAdmin({
    host: '127.0.0.1',
    port: server!.port,
    registry: createMetricsRegistry('x'),
    health: healthOf(true),
    log,
  });
  await expect(taken).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(`127.0.0.1:${server!.port}`) as string,
  });
});

test('registries of several parts are shown together, each metric once', async () => {
  const text = await metricsText([registryWith('api', 'one'), registryWith('worker', 'other')]);
  expect(text.match(/^one\{part="api"\} 1$/gm)).toHaveLength(1);
  expect(text.match(/^other\{part="worker"\} 1$/gm)).toHaveLength(1);
});
