import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from '../../platform/embedded/postgres';
import {
  startTemporalServer,
  type TemporalServer,
  type TemporalServerOptions,
} from '../../platform/embedded/temporal';
import { createLogger, type Logger } from '../../platform/telemetry/log';
import { copyCluster } from './postgres-cluster';
import { fromSetup } from './run';

/** URL of a database on the run's PostgreSQL, `postgres` unless named. Data there need not survive a crash (fsync off). */
export function postgresUrl(database = 'postgres'): string {
  const url = new URL(fromSetup('postgres'));
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** The same as the role that the product runs as, which owns nothing. */
export function postgresRuntimeUrl(database = 'postgres'): string {
  const url = new URL(fromSetup('postgresRuntime'));
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** host:port of the run's Temporal server; all test files share its namespace `default`, so name what you start. */
export function temporalAddress(): string {
  return fromSetup('temporal');
}

/** Path of the `temporal` program. */
export function temporalCliPath(): string {
  return fromSetup('temporalCli');
}

/** A new folder that goes away with the run; whoever a server is run as can get there. */
export async function scratchFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(fromSetup('folder'), `${name}-`));
  await chmod(folder, 0o711);
  return folder;
}

/** Logs at the level of HOLDFAST_TEST_LOG_LEVEL, nothing unless that is set. */
export function testLogger(): Logger {
  return createLogger(process.env.HOLDFAST_TEST_LOG_LEVEL ?? 'silent', 'test');
}

/** A PostgreSQL server of one's own, with fsync on and the run's template, to kill and to restart. The caller stops it. */
export async function startPrivatePostgres(
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres & { dataDir: string }> {
  const dataDir = options.dataDir ?? (await newDataDir());
  const server = await startEmbeddedPostgres({ log: testLogger(), ...options, dataDir });
  // Its getters follow a restart, so it is not copied.
  return Object.assign(server, { dataDir });
}

async function newDataDir(): Promise<string> {
  const folder = join(await scratchFolder('postgres'), 'pg');
  await copyCluster(fromSetup('cluster'), folder);
  return folder;
}

/** A Temporal server of one's own with its state in a file, to kill and to start again. The caller stops it. */
export async function startPrivateTemporal(
  options: Partial<TemporalServerOptions> = {},
): Promise<TemporalServer & { stateFile: string }> {
  const stateFile = options.stateFile ?? join(await scratchFolder('temporal'), 'temporal.db');
  const server = await startTemporalServer({
    cliPath: temporalCliPath(),
    ui: false,
    log: testLogger(),
    ...options,
    stateFile,
  });
  return Object.assign(server, { stateFile });
}
