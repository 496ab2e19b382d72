import { fork } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { appendEvents } from '../domain/orders/events';
import { openDatabase, type Database } from '../platform/database/database';
import { newId } from '../platform/ids';
import { createLogger } from '../platform/telemetry/log';
import { BENCH_HEADERS, insertBenchKey } from './access-key';
import { startTarget } from './http-load';
import { cpuMs, memory } from './process-tree';
import { startBenchPostgres } from './servers';
import type { ClientsReport } from './sockets-clients';
import { percentile, report, rounded } from './windows';

/** BENCH_SOCKETS_… for trying. */
const SOCKETS = Number(process.env.BENCH_SOCKETS_SOCKETS ?? 5_000);
const SOCKETS_PER_TOPIC = 5;
const CHANGES_PER_SECOND = Number(process.env.BENCH_SOCKETS_CHANGES ?? 1_000);
const SECONDS = Number(process.env.BENCH_SOCKETS_SECONDS ?? 30);
/** Longer than a message whose notice was lost takes. */
const SETTLE_MS = 6_000;
/** Changes are written in so many transactions a second. */
const WRITES_PER_SECOND = 20;

/**
 * 5,000 WebSockets of one API process, each on one order's topic, five on each order; 1,000 events of orders a second, written by another
 * process. How long from before the commit until the client has the message, and what memory the API takes for a socket. Sockets, API and writer are
 * processes of their own on one machine.
 */
export async function benchSockets(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 4, log: createLogger('warn', 'bench') });
  const env = {
    STREAMS: String(SOCKETS),
    STREAMS_PER_CALLER: String(SOCKETS),
    HTTP_MAX_CONNECTIONS: String(SOCKETS + 100),
  };
  const api = await startTarget({ serve: 'api', databaseUrl: server.url, env });
  const clients = fork(require.resolve('./sockets-clients'));
  try {
    await insertBenchKey(db.pool);
    const orders = await addOrders(db, Math.ceil(SOCKETS / SOCKETS_PER_TOPIC));
    const before = await memory(api.pid);
    const topics = orders.flatMap((id) => Array.from({ length: SOCKETS_PER_TOPIC }, () => `orders:${id}`));
    clients.send({
      url: `${api.url.replace('http', 'ws')}/ws`,
      headers: BENCH_HEADERS,
      topics: topics.slice(0, SOCKETS),
    });
    await once(clients, 'message');
    const after = await memory(api.pid);
    // The first seconds compile code and prepare statements.
    await write(db, orders, 3);
    await delay(SETTLE_MS);
    await reportOf(clients);
    const cpuBefore = await cpuMs(api.pid);
    const written = await write(db, orders, SECONDS);
    await delay(SETTLE_MS);
    const { latenciesMs, faults, closed } = await reportOf(clients);
    const apiCpu = (await cpuMs(api.pid)) - cpuBefore;
    const window = [{ seconds: SECONDS, latenciesMs }];
    report({
      bench: 'sockets',
      sockets: SOCKETS,
      changesPerSecond: Math.round(written / SECONDS),
      messages: latenciesMs.length,
      expected: written * SOCKETS_PER_TOPIC,
      p50Ms: percentile(window, 50),
      p99Ms: percentile(window, 99),
      maxMs: percentile(window, 100),
      faults,
      closed,
      apiCpuUsPerMessage: Math.round((apiCpu * 1_000) / latenciesMs.length),
      kilobytesPerSocket: rounded(((after.mb - before.mb) * 1_024) / SOCKETS, 1),
      apiMb: after.mb,
      load: rounded(loadavg()[0] ?? 0, 1),
    });
    if (faults + closed > 0 || latenciesMs.length !== written * SOCKETS_PER_TOPIC)
      throw new Error('messages were lost, came twice, or sockets were closed');
  } finally {
    clients.disconnect();
    await api.stop();
    await db.close();
    await server.stop();
  }
}

async function reportOf(clients: ReturnType<typeof fork>): Promise<ClientsReport> {
  clients.send('report');
  const [told] = (await once(clients, 'message')) as [ClientsReport];
  return told;
}

/** Orders with nothing in them: their histories are what is followed. */
async function addOrders(db: Database, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, newId);
  await db.pool.query(
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
     select id, 'bench', 'paid', 'complete', 'USD', 0, 900, '{}' from unnest($1::uuid[]) id`,
    [ids],
  );
  return ids;
}

/** Each order in turn, at a steady rate. @returns how many events were written */
async function write(db: Database, orders: readonly string[], seconds: number): Promise<number> {
  const each = Math.round(CHANGES_PER_SECOND / WRITES_PER_SECOND);
  const begun = performance.now();
  let written = 0;
  for (let turn = 0; turn < seconds * WRITES_PER_SECOND; turn++) {
    const due = begun + (turn * 1_000) / WRITES_PER_SECOND;
    await delay(Math.max(0, due - performance.now()));
    const sentAt = Date.now();
    const events = Array.from({ length: each }, (_, n) => ({
      orderId: orders[(written + n) % orders.length] ?? '',
      type: 'bench_changed',
      data: { sentAt },
    }));
    await db.transaction((tx) => appendEvents(tx, events));
    written += each;
  }
  return written;
}
