import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isAppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { logSince, logSize, tailOf } from './log-files';
import { choosePort } from './ports';
import { endProcess } from './processes';

const READY_MS = 60_000;
const STOP_MS = 15_000;
/** A version of the program that does not announce itself is trusted when it has lived this long with its port open. */
const SILENT_START_MS = 2_000;

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

/** Where a server keeps what it keeps. */
export interface TemporalPlace {
  folder: string;
  stateFile: string | undefined;
  logFile: string;
  ownerFile: string;
}

/** The files beside `stateFile`; without one, those in a new temporary folder. */
export async function chooseTemporalPlace(stateFile: string | undefined): Promise<TemporalPlace> {
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

interface LaunchOptions {
  cliPath: string;
  port?: number;
  uiPort?: number;
  ui?: boolean;
  log: Logger;
}

/** A server whose port listens. */
export interface LaunchedTemporal {
  child: ChildProcess;
  pid: number;
  port: number;
  address: string;
  uiUrl: string | undefined;
}

/** Starts the program, on other ports when another process takes one in between. */
export async function launchTemporal(
  options: LaunchOptions,
  place: TemporalPlace,
): Promise<LaunchedTemporal> {
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
      // Besides these two ports it takes several free ones by itself; another process may bind any of them in between.
      if (!isAppError(error) || error.details.portTaken !== true || attempt >= 5) throw error;
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
      env: ownEnvironment(),
      stdio: ['ignore', output.fd, output.fd],
    });
    child.on('error', () => undefined); // untilListening sees that it has no pid
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

/** TEMPORAL_ADDRESS and the like are for clients of a server; the same program would read them here. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function untilListening(
  child: ChildProcess,
  port: number,
  place: TemporalPlace,
  from: number,
): Promise<number> {
  const deadline = Date.now() + READY_MS;
  const { pid } = child;
  let acceptedAt: number | undefined;
  while (pid !== undefined && child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    if (acceptedAt === undefined && (await accepts(port))) acceptedAt = Date.now();
    if (acceptedAt !== undefined) {
      // The server that responds may be another process's that took the port in between; then ours is about to end.
      const announced = /\bServer:\s/.test(await logSince(place.logFile, from));
      if (announced || Date.now() - acceptedAt > SILENT_START_MS) return pid;
    }
    await delay(25);
  }
  const outcome =
    pid === undefined ? "can't be run" : (child.exitCode ?? child.signalCode ?? 'no answer in time');
  const said = await logSince(place.logFile, from);
  const tail = tailOf(said);
  throw new AppError(
    'EMBEDDED_TEMPORAL_FAILED',
    `The Temporal server (${child.spawnfile}) did not start: ${outcome}. The end of ${place.logFile}:\n${tail}`,
    // It panics where it only finds out while it starts, and then this is far above the end.
    { tail, portTaken: /address already in use/i.test(said) },
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}
