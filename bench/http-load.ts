import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import autocannon, { type Result } from 'autocannon';
import type { TargetOrder } from './http-target';

const CONNECTIONS = 64;
/** Each connection cycles through paths of its own; together they are more than any cache contains. */
const PATHS_PER_CONNECTION = 500;

/** A server in a process of its own. */
export interface Target {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

export async function startTarget(order: TargetOrder): Promise<Target> {
  const child: ChildProcess = fork(require.resolve('./http-target'));
  const { pid } = child;
  if (pid === undefined) throw new Error('a server of the benchmark could not be started');
  child.send(order);
  const ended = once(child, 'exit');
  const [url] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error('a server of the benchmark did not start'))),
  ])) as [string];
  return {
    url,
    pid,
    async stop() {
      child.disconnect();
      await ended;
    },
  };
}

/** What is asked of a server: a path each time, and headers. */
export interface Load {
  target: Target;
  path: () => string;
  headers: Record<string, string>;
}

/** @throws Error where a response is not 200 */
async function run({ target, path, headers }: Load, seconds: number): Promise<Result> {
  const result = await autocannon({
    url: target.url,
    connections: CONNECTIONS,
    duration: seconds,
    setupClient: (client) => {
      client.setRequests(
        Array.from({ length: PATHS_PER_CONNECTION }, () => ({ method: 'GET', headers, path: path() })),
      );
    },
  });
  if (result.non2xx + result.errors + result.timeouts > 0)
    throw new Error(
      `${result.non2xx} answers were not 200, ${result.errors} failed, ${result.timeouts} never came`,
    );
  return result;
}

/** What a load got over its windows: means, and of the p99 the worst. */
export interface Measured {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  bytes: number;
}

/** Loads one after the other, in windows that alternate, after two seconds of each that do not count. */
export async function alternate(
  loads: readonly Load[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Measured[]> {
  // Connections, prepared statements, compiled code.
  for (const load of loads) await run(load, 2);
  const windows: Result[][] = loads.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, load] of loads.entries()) windows[index]?.push(await run(load, seconds));
  return windows.map((results) => {
    const mean = (of: (result: Result) => number) =>
      results.reduce((sum, result) => sum + of(result), 0) / results.length;
    return {
      perSecond: mean(({ requests }) => requests.average),
      p50Ms: mean(({ latency }) => latency.p50),
      p99Ms: Math.max(...results.map(({ latency }) => latency.p99)),
      bytes: mean(({ throughput, requests }) => throughput.total / requests.total),
    };
  });
}
