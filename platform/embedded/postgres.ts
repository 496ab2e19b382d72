import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isAppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { claimOwnership } from './owner';
import { preparePostgresBinaries } from './postgres-binaries';
import {
  configureCluster,
  findRunningServer,
  openCluster,
  readServerPid,
  runProgram,
  RUNTIME_ROLE,
  SUPERUSER,
  type Cluster,
  type PostgresSettings,
} from './postgres-cluster';
import { choosePort } from './ports';
import { endProcess, isRunning, waitUntilGone } from './processes';
import { provideFolder, unprivilegedUser } from './system-user';

export interface EmbeddedPostgresOptions {
  /** Everything of this server lies in here; made when missing. */
  dataDir: string;
  /** Listens on this port of 127.0.0.1 when it is free, else (or without) on any free one. */
  port?: number;
  log: Logger;
  /** Settings of postgresql.conf, over ours. */
  settings?: PostgresSettings;
  /** Told when the server ends without having been asked to; `stop` and `restart` work then too. */
  onExit?: () => void;
}

export interface EmbeddedPostgres {
  /** Connection URL of a database, `postgres` unless named, as the superuser. It holds the password. */
  url(database?: string): string;
  /** The same as the runtime role, which the caller makes (`provideRuntimeRole`). */
  runtimeUrl(database?: string): string;
  readonly port: number;
  readonly pid: number;
  /** Disconnects all clients, writes everything to disk and ends the server. A second call does nothing. */
  stop(): Promise<void>;
  /** Ends it (unless it has been killed) and starts it on its port; `immediate` is a crash, and the start recovers. */
  restart(mode?: 'fast' | 'immediate'): Promise<void>;
}

/** Crash recovery replays the log first, which can take minutes after much writing. */
const START_SECONDS = 300;
const STOP_SECONDS = 30;
const WATCH_INTERVAL_MS = 250;

/**
 * Starts a PostgreSQL server of our own, in a process group of its own: Ctrl-C reaches us, not it, so that we can drain.
 * A server that a killed predecessor left running on the same data is stopped first; nothing committed is lost.
 *
 * @throws AppError `EMBEDDED_IN_USE` while another process runs it; `EMBEDDED_POSTGRES_*` with the end of its log.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, settings = {} } = options;
  const user = await unprivilegedUser(options.dataDir);
  const binaries = await preparePostgresBinaries(user, log);
  const folder = await provideFolder(options.dataDir, user, log);
  const ownership = await claimOwnership(join(folder, 'owner.json'), `The PostgreSQL server of ${folder}`);
  try {
    const cluster = await openCluster(folder, binaries, user, log);
    await stopOrphan(cluster, log);
    let port = await start(cluster, options.port, settings, log);
    let pid = await readServerPid(cluster);
    let stopped = false;
    /** No end is a surprise: it is being restarted, or its end has been told. */
    let expected = false;
    log.info({ port, serverPid: pid }, `PostgreSQL ${binaries.major} serves on 127.0.0.1:${port}`);

    // It is a child of init, not ours (pg_ctl is gone by now), so no event tells of its end.
    const watch = setInterval(() => {
      if (expected || isRunning(pid)) return;
      expected = true;
      log.error({ serverPid: pid, logFile: cluster.logFile }, 'PostgreSQL ended unasked');
      options.onExit?.();
    }, WATCH_INTERVAL_MS).unref();

    return {
      url: (database = 'postgres') =>
        `postgres://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
      runtimeUrl: (database = 'postgres') =>
        `postgres://${RUNTIME_ROLE}:${cluster.runtimePassword}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
      get port() {
        return port;
      },
      get pid() {
        return pid;
      },
      async stop() {
        if (stopped) return;
        stopped = true;
        clearInterval(watch);
        await stop(cluster, pid, 'fast', log);
        await ownership.release();
      },
      async restart(mode = 'fast') {
        expected = true;
        try {
          await stop(cluster, pid, mode, log);
          port = await start(cluster, port, settings, log);
          pid = await readServerPid(cluster);
        } finally {
          expected = false;
        }
      },
    };
  } catch (error) {
    await ownership.release();
    throw error;
  }
}

async function stopOrphan(cluster: Cluster, log: Logger): Promise<void> {
  const orphan = await findRunningServer(cluster, log);
  if (orphan === undefined) return;
  log.warn({ serverPid: orphan }, 'stopping the PostgreSQL server that a killed process left behind');
  await stop(cluster, orphan, 'fast', log);
}

/** Gives the port it serves on. */
async function start(
  cluster: Cluster,
  preferred: number | undefined,
  settings: PostgresSettings,
  log: Logger,
): Promise<number> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const port = await choosePort(preferred, 'PostgreSQL', log);
    await configureCluster(cluster, port, settings);
    try {
      await pgCtl(cluster, ['start', '-l', cluster.logFile, '-t', String(START_SECONDS)]);
      return port;
    } catch (error) {
      const reason = isAppError(error) ? String(error.details.tail) : '';
      // Another process bound the port in between, or the last children of a killed server have not noticed its death yet.
      const passing = /could not bind|pre-existing shared memory block|is still in use/i.test(reason);
      if (!passing || Date.now() > deadline) throw error;
      await delay(200);
    }
  }
}

async function stop(cluster: Cluster, pid: number, mode: 'fast' | 'immediate', log: Logger): Promise<void> {
  try {
    await pgCtl(cluster, ['stop', '-m', mode, '-t', String(STOP_SECONDS)]);
  } catch (error) {
    if (isRunning(pid)) {
      log.warn(
        { err: error, serverPid: pid },
        'PostgreSQL does not stop; ending it at once (it recovers at its next start)',
      );
      await pgCtl(cluster, ['stop', '-m', 'immediate', '-t', String(STOP_SECONDS)]).catch(() =>
        endProcess(pid, 1_000),
      );
    }
  }
  // pg_ctl answers when the server has removed its note, which is a little before its process ends.
  if (!(await waitUntilGone(pid, STOP_SECONDS * 1_000)))
    throw new AppError('EMBEDDED_POSTGRES_FAILED', `PostgreSQL (process ${pid}) can't be stopped.`);
}

function pgCtl(cluster: Cluster, args: readonly string[]): Promise<void> {
  return runProgram(cluster, cluster.binaries.pg_ctl, [...args, '-D', cluster.data, '-w']);
}
