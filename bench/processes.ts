import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase, type Database } from '../platform/database/database';
import { choosePort } from '../platform/embedded/ports';
import type { Health } from '../platform/health/process-health';
import { webhookSecretOf } from '../platform/webhook-signature';
import { insertBenchKey } from './access-key';
import { startBenchPostgres, startBenchTemporal } from './servers';

export interface BenchProcesses {
  db: Database;
  /** As the owner of the schema. */
  databaseUrl: string;
  /** Of the API. */
  url: string;
  pids: Readonly<Record<'temporal' | 'postgres' | 'worker' | 'api', number>>;
  /** The most memory each process has had resident since it started, in MB of 2^20 bytes; null where the system is not Linux. */
  peakRssMb(): Promise<{ api: number | null; worker: number | null }>;
  stop(): Promise<void>;
}

const PROGRAM = join(__dirname, '..', 'cli', 'main.js');
const READY_SECONDS = 60;

/** `holdfast api` and `holdfast worker`, each a process of its own as in service, on fresh servers. */
export async function startBenchProcesses(): Promise<BenchProcesses> {
  const postgres = await startBenchPostgres();
  const temporal = await startBenchTemporal(postgres);
  const port = await choosePort(undefined, 'the benchmark', postgres.log);
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    PORT: String(port),
    LOG_LEVEL: 'error',
    // Both know it: the worker's sandbox carrier signs its updates, and the API verifies them.
    CARRIER_WEBHOOK_SECRETS: `sandbox=${webhookSecretOf(randomBytes(32))}`,
  };
  const start = (part: string) =>
    spawn(process.execPath, [PROGRAM, part], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [api, worker] = [start('api'), start('worker')];
  const db = openDatabase({ url: postgres.url, poolSize: 4, log: postgres.log, applicationName: 'bench' });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await Promise.all([api, worker].map(end));
    await db.close();
    await temporal.stop();
    await postgres.stop();
  };
  try {
    await untilReady(url, [api, worker]);
    await insertBenchKey(db.pool);
    // The worker gets no work before.
    await succeed(start('deploy'));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    db,
    databaseUrl: postgres.url,
    url,
    pids: { temporal: temporal.pid, postgres: postgres.pid, worker: pidOf(worker), api: pidOf(api) },
    peakRssMb: async () => ({ api: await peakRssMb(api), worker: await peakRssMb(worker) }),
    stop,
  };
}

/** `/health` is `up` once PostgreSQL and Temporal respond. The worker connects meanwhile; jobs wait for it. */
async function untilReady(url: string, children: readonly ChildProcess[]): Promise<void> {
  for (let second = 0; second < READY_SECONDS; second++) {
    if (children.some((child) => child.exitCode !== null)) break;
    const health = await fetch(`${url}/health`).then(
      (response) => response.json() as Promise<Health>,
      () => null,
    );
    if (health?.status === 'up') return;
    await delay(1_000);
  }
  throw new Error('the API or the worker did not start');
}

async function succeed(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`holdfast deploy ended with ${String(child.exitCode)}`);
}

function pidOf({ pid, spawnfile }: ChildProcess): number {
  if (pid === undefined) throw new Error(`${spawnfile} could not be started`);
  return pid;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function peakRssMb({ pid }: ChildProcess): Promise<number | null> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024);
}
