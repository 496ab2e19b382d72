import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { ensureSearchAttributes, setRetention } from '../temporal/namespace';
import { rotateLog } from './log-files';
import { claimOwnership } from './owner';
import { endProcess, findProcesses, isRunning } from './processes';
import { chooseTemporalPlace, launchTemporal } from './temporal-process';

export interface TemporalServerOptions {
  /** The `temporal` program, as `findTemporalCli` gives it. */
  cliPath: string;
  /** SQLite file that keeps everything; without it all is lost when the server ends. */
  stateFile?: string;
  /** Wanted ports of 127.0.0.1; a free one when they are taken, or not given. */
  port?: number;
  uiPort?: number;
  /** Days for which closed workflows are kept; 30 unless given. */
  retentionDays?: number | undefined;
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
const NOT_FOUND = 5;

/**
 * Starts Temporal's development server in a process group of its own (Ctrl-C reaches us, not it, so that we can drain)
 * and resolves when it serves, with Holdfast's search attributes registered. A server that a killed predecessor left
 * running on the same state file is stopped first.
 *
 * @throws AppError `EMBEDDED_IN_USE` while another process runs it; `EMBEDDED_TEMPORAL_FAILED` with the end of its log.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { log } = options;
  const place = await chooseTemporalPlace(options.stateFile);
  const ownership = await claimOwnership(place.ownerFile, `The Temporal server of ${place.folder}`);
  let child: ChildProcess | undefined;

  async function clear(): Promise<void> {
    await ownership.release();
    if (!place.stateFile) await rm(place.folder, { recursive: true, force: true });
  }

  try {
    if (place.stateFile) await stopOrphans(place.stateFile, log);
    await rotateLog(place.logFile);
    const launched = await launchTemporal(options, place);
    const { address, pid, uiUrl } = launched;
    child = launched.child;
    await ownership.record(pid);
    await prepareNamespace(address, options.retentionDays ?? RETENTION_DAYS);
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

/** SQLite would let two servers write the same file, each trusting its own caches. */
async function stopOrphans(stateFile: string, log: Logger): Promise<void> {
  const found = await findProcesses(`--db-filename ${stateFile} `);
  for (const orphan of found.filter(({ command }) => command.includes(' start-dev '))) {
    log.warn({ serverPid: orphan.pid }, 'stopping the Temporal server that a killed process left behind');
    await endProcess(orphan.pid, STOP_MS);
  }
}

async function prepareNamespace(address: string, retentionDays: number): Promise<void> {
  const connection = Connection.lazy({ address, connectTimeout: READY_MS });
  try {
    await untilServing(connection, address);
    await setRetention(connection, NAMESPACE, retentionDays);
    await ensureSearchAttributes(connection, NAMESPACE);
  } finally {
    await connection.close();
  }
}

/** The port listens before the services behind it are up, so the frontend, history and matching are each asked. */
async function untilServing(connection: Connection, address: string): Promise<void> {
  const { workflowService } = connection;
  const taskQueue = { name: 'holdfast-start' };
  const execution = { workflowId: 'holdfast-start' };
  const ask = async () => {
    await workflowService.describeNamespace({ namespace: NAMESPACE });
    await workflowService.describeTaskQueue({ namespace: NAMESPACE, taskQueue });
    await workflowService
      .describeWorkflowExecution({ namespace: NAMESPACE, execution })
      .catch((error: unknown) => {
        if (!isGrpcServiceError(error) || ![NOT_FOUND].includes(error.code)) throw error;
      });
  };
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      await connection.withDeadline(Date.now() + 2_000, ask);
      return;
    } catch (cause) {
      if (Date.now() > deadline) {
        throw new AppError(
          'EMBEDDED_TEMPORAL_FAILED',
          `Temporal on ${address} does not serve.`,
          {},
          { cause },
        );
      }
      await delay(50);
    }
  }
}
