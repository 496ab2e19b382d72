import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'pg';
import { stackOf } from '../platform/errors';
import { BENCH_HEADERS, insertBenchKey } from './access-key';
import { startTarget, type Target } from './http-load';
import { memory } from './process-tree';
import { startBenchPostgres } from './servers';

/** Opened at once: more would overflow the queue of connections that the system has not handed over yet. */
const OPENED_AT_ONCE = 100;
const PROBES = 20;
/** Between two probes, and two looks. */
const PAUSE_MS = 20;
/** By then the API has seen what its clients did, on a slow machine too. */
const SOON_MS = 30_000;
/** Connections of the API beyond those that are idle. */
const ROOM = 20;
/** Files that a process has open besides its connections. */
const OTHER_FILES = 200;
/** Longer than the run: the limits of slow requests are tested elsewhere. */
const PATIENCE_SECONDS = '600';

/** What idle connections have sent: nothing, half a head, half a body, a whole request before they rest. */
const KINDS: readonly string[] = [
  '',
  'GET /api/v1/orders HTTP/1.1\r\nhost: localhost\r\n',
  `POST /api/v1/orders HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${BENCH_HEADERS['x-api-key']}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
  'GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n',
];

/**
 * `npm run idle-connections -- [count]`: starts the API in a process of its own, opens so many connections that stay idle, and shows its
 * memory before and after, how long new requests take beside them, and that `HTTP_MAX_CONNECTIONS` holds: beyond it connections are
 * closed at once, and taken again when others have left. Prints one line of JSON; ends with 1 where any of this is not so.
 */
async function main([given = '10000']: readonly string[]): Promise<void> {
  const count = Number(given);
  expectFiles(count + ROOM * 3 + OTHER_FILES);
  const postgres = await startBenchPostgres();
  const pool = new Pool({ connectionString: postgres.url, max: 1 });
  let api: Target | undefined;
  try {
    await insertBenchKey(pool);
    api = await startApi(postgres.url, count + ROOM);
    process.stdout.write(`${JSON.stringify(await measure(api.url, api.pid, count))}\n`);
  } finally {
    await api?.stop();
    await pool.end();
    await postgres.stop();
  }
}

/** Node has raised the soft limit to the hard one, for itself and for what it starts. */
function expectFiles(needed: number): void {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  if (limit !== 'unlimited' && Number(limit) < needed)
    throw new Error(`each side needs ${needed} open files, and ulimit -n is ${limit}: raise its hard limit`);
}

function startApi(databaseUrl: string, maxConnections: number): Promise<Target> {
  return startTarget({
    serve: 'api',
    databaseUrl,
    env: {
      HTTP_MAX_CONNECTIONS: String(maxConnections),
      REQUEST_HEADER_SECONDS: PATIENCE_SECONDS,
      REQUEST_BODY_SECONDS: PATIENCE_SECONDS,
    },
  });
}

async function measure(url: string, pid: number, count: number) {
  await waitsOf(url, PROBES);
  const before = await memory(pid);
  const idle = await openIdle(url, count);
  // Taken after all of them, so those that were refused are closed by then.
  const waits = await waitsOf(url, PROBES);
  const open = idle.filter(({ destroyed }) => !destroyed).length;
  expectSo(open === count, `${count} connections stay open, not ${open}`);
  const after = await memory(pid);
  const beyond = await openIdle(url, ROOM * 2);
  const refused = () => beyond.filter(({ destroyed }) => destroyed).length;
  await soon(() => refused() >= ROOM, `at least ${ROOM} connections beyond the bound are closed`);
  expectSo((await statusOf(url)) === null, 'no request is taken beyond the bound');
  const refusedBeyond = refused();
  for (const socket of beyond) socket.destroy();
  await soon(async () => (await statusOf(url)) === 200, 'a request is taken again once others have left');
  for (const socket of idle) socket.destroy();
  return {
    connections: count,
    memoryMb: { before: before.mb, with: after.mb, kind: before.kind },
    kbEach: Math.round(((after.mb - before.mb) * 1_024 * 10) / count) / 10,
    medianMs: Math.round(waits[PROBES / 2] ?? 0),
    slowestMs: Math.round(waits.at(-1) ?? 0),
    refusedBeyond,
  };
}

async function openIdle(url: string, count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - sockets.length) }, async (_, n) => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      // What is not read would keep a closed connection from being seen.
      socket.resume();
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
      socket.write(KINDS[n % KINDS.length] ?? '');
      return socket;
    });
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Of requests that are each on a connection of their own; sorted. */
async function waitsOf(url: string, count: number): Promise<number[]> {
  const waits: number[] = [];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    const status = await statusOf(url);
    expectSo(status === 200, `a request beside idle connections is answered, not ${String(status)}`);
    waits.push(performance.now() - began);
    await pause(PAUSE_MS);
  }
  return waits.sort((a, b) => a - b);
}

/** Null: the connection was closed without a response. */
async function statusOf(url: string): Promise<number | null> {
  const sent = request(new URL('/api/v1/products', url), { agent: false });
  sent.end();
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    return response.statusCode ?? null;
  } catch {
    return null;
  }
}

/** Asks again until it is so. @throws Error where it is not within `SOON_MS` */
async function soon(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const until = performance.now() + SOON_MS;
  while (!(await isSo())) {
    expectSo(performance.now() < until, what);
    await pause(PAUSE_MS);
  }
}

function expectSo(is: boolean, what: string): void {
  if (!is) throw new Error(`Expected: ${what}`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
