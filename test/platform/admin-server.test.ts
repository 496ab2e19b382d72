import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Gauge } from 'prom-client';
import { createLogger } from '../../platform/telemetry/log';
import { addProcessMetrics, createMetricsRegistry, metricsText } from '../../platform/telemetry/metrics';
import { serveMetrics, type MetricsServer } from '../../platform/telemetry/metrics-server';

const log = createLogger('silent');
let server: MetricsServer | undefined;
afterEach(() => server?.close());

function registryWith(part: string, metric: string) {
  const registry = createMetricsRegistry(part);
  new Gauge({ name: metric, help: metric, registers: [registry] }).set(1);
  return registry;
}

async function serve(host = '127.0.0.1', port = 0) {
  const registry = registryWith('worker', 'one_thing');
  addProcessMetrics(registry);
  server = await serveMetrics({ host, port, registry, log });
  return `http://${host}:${server.port}`;
}

test('a process without an API serves its metrics, and nothing else', async () => {
  const url = await serve();
  const response = await fetch(`${url}/metrics?name=all`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const text = await response.text();
  expect(text).toContain('one_thing{part="worker"} 1');
  expect(text).toContain('process_cpu_seconds_total{part="worker"}');
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
});

test('on loopback, under no name that a page could have point here', async () => {
  const { port } = new URL(await serve());
  const sent = request({ port, host: '127.0.0.1', path: '/metrics', headers: { host: 'evil.example' } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(421);
});

test('a port that is taken is named', async () => {
  await serve();
  const taken = serveMetrics({
    host: '127.0.0.1',
    port: server!.port,
    registry: createMetricsRegistry('x'),
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
