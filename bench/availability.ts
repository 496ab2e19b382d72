import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import autocannon, { type Result } from 'autocannon';
import { Pool } from 'pg';
import type { TargetOrder } from './availability-target';
import { BENCH_HEADERS, insertBenchKey } from './access-key';
import { fillProducts, fillStock, fillWarehouses } from './fill';
import { startBenchPostgres } from './servers';
import { report, rounded } from './windows';

const WAREHOUSES = 100;
/** BENCH_AVAILABILITY_PRODUCTS for trying: 100,000 products at 100 locations are 10 million stock rows. */
const PRODUCTS = Number(process.env.BENCH_AVAILABILITY_PRODUCTS ?? 100_000);
const CONNECTIONS = 64;
const ROUNDS = 3;
const SECONDS = Number(process.env.BENCH_AVAILABILITY_SECONDS ?? 8);
/** Each connection cycles through paths of its own; together they are more than any cache contains. */
const PATHS_PER_CONNECTION = 500;

interface Target {
  url: string;
  stop(): Promise<void>;
}

/**
 * GET /inventory/{sku} a second, over random products of a full-sized stock table, beside a bare Express handler that returns
 * a document of the same product from memory. Each server is a process of its own, the load a third; windows alternate.
 */
export async function benchAvailability(): Promise<void> {
  const server = await startBenchPostgres();
  const pool = new Pool({ connectionString: server.url, max: 1 });
  const targets: Target[] = [];
  try {
    await fillWarehouses(pool, WAREHOUSES);
    await fillProducts(pool, PRODUCTS);
    await fillStock(pool, { products: PRODUCTS, warehouses: WAREHOUSES }, () => undefined);
    await insertBenchKey(pool);
    await pool.query('vacuum analyze');
    await pool.end();
    const api = await startTarget({ serve: 'api', databaseUrl: server.url });
    targets.push(api);
    const document: unknown = await (
      await fetch(`${api.url}/api/v1/inventory/BENCH-1`, { headers: BENCH_HEADERS })
    ).json();
    const bare = await startTarget({ serve: 'bare', document });
    targets.push(bare);
    await compare(api, bare);
  } finally {
    for (const target of targets) await target.stop();
    await server.stop();
  }
}

async function compare(api: Target, bare: Target): Promise<void> {
  // Not counted: connections, prepared statements, compiled code.
  await load(api, 2);
  await load(bare, 2);
  const windows: { ours: Result; bare: Result }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    windows.push({ ours: await load(api, SECONDS), bare: await load(bare, SECONDS) });
  }
  const mean = (of: (window: (typeof windows)[number]) => number) =>
    windows.reduce((sum, window) => sum + of(window), 0) / windows.length;
  const perSecond = mean(({ ours }) => ours.requests.average);
  const barePerSecond = mean((window) => window.bare.requests.average);
  report({
    bench: 'availability',
    rows: PRODUCTS * WAREHOUSES,
    perSecond: Math.round(perSecond),
    barePerSecond: Math.round(barePerSecond),
    ratio: rounded(perSecond / barePerSecond),
    p50Ms: rounded(mean(({ ours }) => ours.latency.p50)),
    // The worst window's.
    p99Ms: Math.max(...windows.map(({ ours }) => ours.latency.p99)),
    bareP50Ms: rounded(mean((window) => window.bare.latency.p50)),
    bareP99Ms: Math.max(...windows.map((window) => window.bare.latency.p99)),
    bytes: Math.round(mean(({ ours }) => ours.throughput.total / ours.requests.total)),
  });
}

async function load({ url }: Target, seconds: number): Promise<Result> {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    setupClient: (client) => {
      client.setRequests(
        Array.from({ length: PATHS_PER_CONNECTION }, () => ({
          method: 'GET',
          headers: BENCH_HEADERS,
          path: `/api/v1/inventory/BENCH-${1 + Math.floor(Math.random() * PRODUCTS)}`,
        })),
      );
    },
  });
  if (result.non2xx + result.errors + result.timeouts > 0)
    throw new Error(
      `${result.non2xx} answers were not 200, ${result.errors} failed, ${result.timeouts} never came`,
    );
  return result;
}

async function startTarget(order: TargetOrder): Promise<Target> {
  const child: ChildProcess = fork(require.resolve('./availability-target'));
  child.send(order);
  const ended = once(child, 'exit');
  const [url] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error('a server of the benchmark did not start'))),
  ])) as [string];
  return {
    url,
    async stop() {
      child.disconnect();
      await ended;
    },
  };
}
