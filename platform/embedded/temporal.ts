import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { AppError, isAppError } from '../errors';
import type { Logger } from '../log';
import { ensureSearchAttributes, raiseRetention } from '../temporal-namespace';
import { logSize, logTail, rotateLog } from './log-files';
import { claimOwnership } from './owner';
import { choosePort } from './ports';
import { endProcess, findProcesses, isRunning } from './processes';

export interface TemporalServerOptions {
  /** The `temporal` program, as `findTemporalCli` gives it. */
  cliPath: string;
  /** SQLite file that keeps everything; without it all is lost when the server ends. */
  stateFile?: string;
  /** Wanted ports of 127.0.0.1; a free one when they are taken, or not given. */
  port?: number;
  uiPort?: number;
  /** Serves the web UI too; the default. */
  ui?: boolean;
  log: Logger;
  /** Told once when the server ends without having been asked to. */
  onExit?: () => void;
}

export interface TemporalServer {
  /** host:port of the gRPC service. */
  readonly address: string;
  readonly uiUrl: string | undefined;
  readonly namespace: 'default';
  readonly pid: number;
  readonly port: number;
  /** Ends it; what it has acknowledged is in the state file. A second call does nothing. */
  stop(): Promise<void>;
}

const NAMESPACE = 'default';
const READY_MS = 60_000;
const STOP_MS = 15_000;
const RETENTION_DAYS = 30;

/**
 * Measured on 2 cores, as ratios of complete order sagas a second. The one shard of the dev server otherwise polls its
 * queues 20 times a second, so each hop waits up to 50 ms: a whole idle saga took 150 ms, and takes 48 ms with the
 * first two. Eager activities: up to 1.26. The last two: 1.20 together; lists in the UI lag a second.
 */
const DYNAMIC_CONFIG = {
  'history.transferProcessorMaxPollRPS': 2_000,
  'history.timerProcessorMaxPollRPS': 2_000,
  'system.enableActivityEagerExecution': true,
  'system.forceSearchAttributesCacheRefreshOnRead': false,
  'history.visibilityProcessorMaxPollRPS': 1,
};

/**
 * Starts Temporal's development server in a process group of its own (Ctrl-C reaches us, not it, so that we can drain)
 * and resolves when it serves, with Holdfast's search attributes registered. A server that a killed predecessor left
 * running on the same state file is stopped first.
 *
 * @throws AppError `EMBEDDED_IN_USE` while another process runs it; `EMBEDDED_TEMPORAL_FAILED` with the end of its log.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { log } = options;
  const place = await choosePlace(options.stateFile);
  const ownership = await claimOwnership(place.ownerFile, `The Temporal server of ${place.folder}`);
  let child: ChildProcess | undefined;

  async function clear(): Promise<void> {
    await ownership.release();
    if (!place.stateFile) await rm(place.folder, { recursive: true, force: true });
  }

  try {
    if (place.stateFile) await stopOrphans(place.stateFile, log);
    await rotateLog(place.logFile);
    const launched = await launch(options, place);
    const { address, pid, uiUrl } = launched;
    child = launched.child;
    await prepareNamespace(address);
    let stopped = false;
    const ended = () => {
      if (stopped) return;
      stopped = true;
      log.error({ serverPid: pid, logFile: place.logFile }, 'the Temporal server ended unasked');
      void clear().finally(() => options.onExit?.());
    };
    child.once('exit', ended);
    if (!isRunning(pid)) ended();
    log.info({ address, uiUrl, serverPid: pid }, `Temporal serves on ${address}`);
    return {
      address,
      uiUrl,
      namespace: NAMESPACE,
      pid,
      port: launched.port,
      async stop() {
        if (stopped) return;
        stopped = true;
        await endProcess(pid, STOP_MS);
        await clear();
      },
    };
  } catch (error) {
    if (child?.pid !== undefined) await endProcess(child.pid, STOP_MS);
    await clear();
    throw error;
  }
}

interface Place {
  folder: string;
  stateFile: string | undefined;
  logFile: string;
  ownerFile: string;
}

async function choosePlace(stateFile: string | undefined): Promise<Place> {
  const file = stateFile === undefined ? undefined : resolve(stateFile);
  const folder = file ? dirname(file) : await mkdtemp(join(tmpdir(), 'holdfast-temporal-'));
  const name = file ? basename(file, extname(file)) : 'temporal';
  await mkdir(folder, { recursive: true });
  return {
    folder,
    stateFile: file,
    logFile: join(folder, `${name}.log`),
    ownerFile: join(folder, `${name}.owner.json`),
  };
}

/** SQLite would let two servers write the same file, each trusting its own caches. */
async function stopOrphans(stateFile: string, log: Logger): Promise<void> {
  for (const orphan of await findProcesses(`--db-filename ${stateFile} `)) {
    log.warn({ serverPid: orphan.pid }, 'stopping the Temporal server that a killed process left behind');
    await endProcess(orphan.pid, STOP_MS);
  }
}

interface Launched {
  child: ChildProcess;
  pid: number;
  port: number;
  address: string;
  uiUrl: string | undefined;
}

async function launch(options: TemporalServerOptions, place: Place): Promise<Launched> {
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(options.port, 'Temporal', options.log);
    const uiPort =
      options.ui === false ? undefined : await choosePort(options.uiPort, "Temporal's UI", options.log);
    const from = await logSize(place.logFile);
    const child = await spawnServer(
      options.cliPath,
      serverArguments(place.stateFile, port, uiPort),
      place.logFile,
    );
    try {
      const pid = await untilListening(child, port, place, from);
      const uiUrl = uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`;
      return { child, pid, port, address: `127.0.0.1:${port}`, uiUrl };
    } catch (error) {
      if (child.pid !== undefined) await endProcess(child.pid, STOP_MS);
      // Besides these two ports it takes several free ones by itself; somebody may bind any of them in between.
      const passing =
        isAppError(error) && /address already in use|can't (set|listen|bind)/i.test(error.message);
      if (!passing || attempt >= 3) throw error;
    }
  }
}

function serverArguments(stateFile: string | undefined, port: number, uiPort: number | undefined): string[] {
  return [
    'server',
    'start-dev',
    ...(stateFile ? ['--db-filename', stateFile] : []),
    ...(stateFile ? ['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=FULL'] : []),
    ...['--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn'],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${String(value)}`,
    ]),
  ];
}

async function spawnServer(cliPath: string, args: readonly string[], logFile: string): Promise<ChildProcess> {
  const output = await open(logFile, 'a');
  try {
    const child = spawn(cliPath, args, {
      detached: true,
      windowsHide: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    child.on('error', () => undefined); // untilListening sees that it has no pid
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

async function untilListening(
  child: ChildProcess,
  port: number,
  place: Place,
  from: number,
): Promise<number> {
  const deadline = Date.now() + READY_MS;
  const { pid } = child;
  while (pid !== undefined && child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    if (await accepts(port)) return pid;
    await delay(25);
  }
  const outcome =
    pid === undefined ? 'can’t be run' : (child.exitCode ?? child.signalCode ?? 'no answer in time');
  const tail = await logTail(place.logFile, from);
  throw new AppError(
    'EMBEDDED_TEMPORAL_FAILED',
    `The Temporal server (${child.spawnfile}) did not start: ${outcome}. The end of ${place.logFile}:\n${tail}`,
    { tail },
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

/** Waits until the namespace really answers: the port listens before the services behind it are up. */
async function prepareNamespace(address: string): Promise<void> {
  const connection = Connection.lazy({ address, connectTimeout: READY_MS });
  try {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      try {
        await connection.withDeadline(Date.now() + 2_000, () =>
          connection.workflowService.describeNamespace({ namespace: NAMESPACE }),
        );
        break;
      } catch (cause) {
        if (Date.now() < deadline) {
          await delay(50);
          continue;
        }
        throw new AppError(
          'EMBEDDED_TEMPORAL_FAILED',
          `Temporal on ${address} does not serve.`,
          {},
          { cause },
        );
      }
    }
    await raiseRetention(connection, NAMESPACE, RETENTION_DAYS);
    await ensureSearchAttributes(connection, NAMESPACE);
  } finally {
    await connection.close();
  }
}
