import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { BENCH_HEADERS } from './access-key';
import { cpuMs, memory } from './process-tree';
import { startBenchProcesses, type BenchProcesses } from './processes';
import { stockUp } from './reserve-interactive';
import { percentile, report, rounded } from './windows';

/** Orders of each line; BENCH_COST_ORDERS for another number. */
const ORDERS = Number(process.env.BENCH_COST_ORDERS ?? 300);
/** How long processes are looked at while nothing happens; BENCH_COST_IDLE_SECONDS for another time, 0 for not at all. */
const IDLE_SECONDS = Number(process.env.BENCH_COST_IDLE_SECONDS ?? 30);
/** Requests open at once, a line for each; BENCH_COST_IN_FLIGHT for others, separated by commas. */
const IN_FLIGHT = (process.env.BENCH_COST_IN_FLIGHT ?? '1,8,32,64').split(',').map(Number);
/** BENCH_COST_CONNECTIONS=0 leaves the use of connections out. */
const MEASURES_CONNECTIONS = process.env.BENCH_COST_CONNECTIONS !== '0';
const SKUS = 1_000;
/** What an order leaves behind, such as its parcel's delivery, is over by then. */
const SETTLE_MS = 5_000;
const FULFILLED_SECONDS = 300;
const LOOK_MS = 100;
const SAMPLE_MS = 5;

/**
 * CPU that an order costs each process until it is fulfilled, how long it holds connections of the database, and what the processes
 * use at rest. API and worker are processes of their own, with the settings that they have by default. `inFlight` counts requests:
 * the next order is placed when one is answered.
 */
export async function benchCost(): Promise<void> {
  const product = await startBenchProcesses();
  try {
    await stockUp(product.db, SKUS);
    // Warms everything up, and fills the tables that the planner is to know.
    await placeOrders(product, { count: Math.min(ORDERS, 100), inFlight: 8 });
    await product.db.pool.query('analyze');
    await reportAlone(product);
    for (const inFlight of IN_FLIGHT) await reportOrders(product, inFlight);
    if (IDLE_SECONDS > 0) await reportRest(product);
  } finally {
    await product.stop();
  }
}

/** The response to an order that is placed when the one before is fulfilled: what the stream is compared with. */
async function reportAlone(product: BenchProcesses): Promise<void> {
  await delay(SETTLE_MS);
  const latenciesMs: number[] = [];
  for (let n = 0; n < Math.min(ORDERS, 30); n++) {
    latenciesMs.push(...(await placeOrders(product, { count: 1, inFlight: 1 })));
  }
  report({ bench: 'cost', variant: 'alone', ...answers(latenciesMs) });
}

async function reportOrders(product: BenchProcesses, inFlight: number): Promise<void> {
  const request = { count: ORDERS, inFlight };
  await delay(SETTLE_MS);
  const before = await cpuOfEach(product);
  const begun = performance.now();
  const latenciesMs = await placeOrders(product, request);
  const seconds = (performance.now() - begun) / 1_000;
  const after = await cpuOfEach(product);
  const connections = MEASURES_CONNECTIONS ? await connectionsOf(product, request) : {};
  const cost = Object.entries(after).map(
    ([name, ms]) => [name, (ms - (before[name] ?? 0)) / ORDERS] as const,
  );
  report({
    bench: 'cost',
    variant: `in-flight-${inFlight}`,
    orders: ORDERS,
    fulfilledPerSecond: rounded(ORDERS / seconds),
    ...answers(latenciesMs),
    cpuMsPerOrder: rounded(cost.reduce((sum, [, ms]) => sum + ms, 0)),
    cpuMsPerOrderBy: Object.fromEntries(cost.map(([name, ms]) => [name, rounded(ms)])),
    ...connections,
  });
}

/** In a run of its own: asking costs PostgreSQL CPU. */
async function connectionsOf(product: BenchProcesses, request: { count: number; inFlight: number }) {
  await delay(SETTLE_MS);
  const held = await sampleConnections(product, () => placeOrders(product, request));
  return {
    connectionMsPerOrder: rounded(held.ms / request.count),
    connectionsAtMost: held.most,
    connectionMsFrom: 'pg_stat_activity',
  };
}

async function reportRest(product: BenchProcesses): Promise<void> {
  await delay(SETTLE_MS);
  const before = await cpuOfEach(product);
  const begun = performance.now();
  await delay(IDLE_SECONDS * 1_000);
  const after = await cpuOfEach(product);
  const percent = 100 / (performance.now() - begun);
  const names = Object.keys(after);
  const idle = names.map((name) => ((after[name] ?? 0) - (before[name] ?? 0)) * percent);
  const memories = await Promise.all(Object.values(product.pids).map(memory));
  const kinds = new Set(memories.map(({ kind }) => kind));
  report({
    bench: 'cost',
    variant: 'at-rest',
    idlePercentOfACore: rounded(sum(idle)),
    idlePercentBy: Object.fromEntries(names.map((name, n) => [name, rounded(idle[n] ?? 0)])),
    memoryMb: sum(memories.map(({ mb }) => mb)),
    memoryMbBy: Object.fromEntries(names.map((name, n) => [name, memories[n]?.mb])),
    memoryKind: kinds.has('rss') ? 'resident set size, since the proportional one cannot be read' : 'pss',
  });
}

async function cpuOfEach({ pids }: BenchProcesses): Promise<Record<string, number>> {
  const measured = Object.entries(pids).map(async ([name, pid]) => [name, await cpuMs(pid)] as const);
  return Object.fromEntries(await Promise.all(measured));
}

function answers(latenciesMs: number[]): { answerP50Ms: number; answerP99Ms: number } {
  const windows = [{ seconds: 1, latenciesMs }];
  return { answerP50Ms: rounded(percentile(windows, 50)), answerP99Ms: rounded(percentile(windows, 99)) };
}

/** Places orders and waits until all are fulfilled. Returns how long each took to be answered, milliseconds. */
async function placeOrders(
  product: BenchProcesses,
  { count, inFlight }: { count: number; inFlight: number },
): Promise<number[]> {
  const latenciesMs: number[] = [];
  const ids: string[] = [];
  let left = count;
  await Promise.all(
    Array.from({ length: Math.min(inFlight, count) }, async () => {
      while (left-- > 0) {
        const begun = performance.now();
        ids.push(await placeOrder(product.url));
        latenciesMs.push(performance.now() - begun);
      }
    }),
  );
  await untilFulfilled(product, ids);
  return latenciesMs;
}

async function placeOrder(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/orders`, {
    method: 'POST',
    headers: { ...BENCH_HEADERS, 'content-type': 'application/json' },
    body: JSON.stringify({
      items: [{ sku: `BENCH-${1 + randomInt(SKUS)}`, quantity: 1 }],
      customerId: 'bench',
      payment: { method: 'card', token: 'tok_ok' },
    }),
  });
  const body = (await response.json()) as { id?: string };
  if (body.id === undefined || response.status >= 300) {
    throw new Error(`POST /orders answered ${response.status}: ${JSON.stringify(body)}`);
  }
  return body.id;
}

async function untilFulfilled({ db }: BenchProcesses, ids: readonly string[]): Promise<void> {
  const until = Date.now() + FULFILLED_SECONDS * 1_000;
  for (;;) {
    const { rows } = await db.pool.query<{ status: string; count: number }>(
      'select status, count(*)::int as count from orders where id = any($1::uuid[]) group by 1',
      [ids],
    );
    if (rows.find(({ status }) => status === 'fulfilled')?.count === ids.length) return;
    if (rows.some(({ status }) => /failed|cancelled|expired|rejected/.test(status)) || Date.now() > until) {
      throw new Error(`the orders came to ${JSON.stringify(rows)}`);
    }
    await delay(LOOK_MS);
  }
}

/**
 * How long connections are in use while `work` runs, summed over all: those that run a statement or have a transaction open. What a
 * pool takes out and does not use is not seen.
 */
async function sampleConnections(
  { db }: BenchProcesses,
  work: () => Promise<unknown>,
): Promise<{ ms: number; most: number }> {
  const held = { ms: 0, most: 0 };
  let isDone = false;
  const sampling = (async () => {
    let last = performance.now();
    while (!isDone) {
      await delay(SAMPLE_MS);
      // The benchmark's own connections have another name.
      const { rows } = await db.pool.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend' and state <> 'idle'
           and application_name is distinct from current_setting('application_name')`,
      );
      const now = performance.now();
      const count = rows[0]?.count ?? 0;
      held.ms += count * (now - last);
      held.most = Math.max(held.most, count);
      last = now;
    }
  })();
  try {
    await work();
  } finally {
    isDone = true;
    await sampling;
  }
  return held;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
