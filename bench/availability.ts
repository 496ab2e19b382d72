import { Pool } from 'pg';
import { BENCH_HEADERS, insertBenchKey } from './access-key';
import { fillProducts, fillStock, fillWarehouses } from './fill';
import { alternate, startTarget, type Target } from './http-load';
import { startBenchPostgres } from './servers';
import { report, rounded } from './windows';

const WAREHOUSES = 100;
/** BENCH_AVAILABILITY_PRODUCTS for trying: 100,000 products at 100 locations are 10 million stock rows. */
const PRODUCTS = Number(process.env.BENCH_AVAILABILITY_PRODUCTS ?? 100_000);
const ROUNDS = 3;
const SECONDS = Number(process.env.BENCH_AVAILABILITY_SECONDS ?? 8);

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
    const bare = await startTarget({ serve: 'document', path: '/api/v1/inventory/:sku', document });
    targets.push(bare);
    await compare(api, bare);
  } finally {
    for (const target of targets) await target.stop();
    await server.stop();
  }
}

async function compare(api: Target, bare: Target): Promise<void> {
  const path = () => `/api/v1/inventory/BENCH-${1 + Math.floor(Math.random() * PRODUCTS)}`;
  const loads = [api, bare].map((target) => ({ target, path, headers: BENCH_HEADERS }));
  const [ours, others] = await alternate(loads, { rounds: ROUNDS, seconds: SECONDS });
  if (!ours || !others) throw new Error('two loads have two results');
  report({
    bench: 'availability',
    rows: PRODUCTS * WAREHOUSES,
    perSecond: Math.round(ours.perSecond),
    barePerSecond: Math.round(others.perSecond),
    ratio: rounded(ours.perSecond / others.perSecond),
    p50Ms: rounded(ours.p50Ms),
    p99Ms: ours.p99Ms,
    bareP50Ms: rounded(others.p50Ms),
    bareP99Ms: others.p99Ms,
    bytes: Math.round(ours.bytes),
  });
}
