import { join } from 'node:path';
import type { DatabaseRoles } from '../platform/database/runtime-role';
import { startEmbeddedPostgres } from '../platform/embedded/postgres';
import { startTemporalServer } from '../platform/embedded/temporal';
import { findTemporalCli } from '../platform/embedded/temporal-cli';
import type { TemporalTarget } from '../platform/temporal/connection';
import { createProgressLog, type Output } from './output';
import type { PartContext } from './service-parts';

/** Ports that the embedded servers take when they are free, so that bookmarks and psql history stay useful. */
const POSTGRES_PORT = 15_432;
const TEMPORAL_PORT = 7_233;
const TEMPORAL_UI_PORT = 8_233;
const DATABASE = 'holdfast';

export interface ProvidedPostgres extends DatabaseRoles {
  /** By which the product connects; of a pooler where the user has set one. */
  databaseUrl: string;
  /** The server is ours, and its roles are. */
  isOwn: boolean;
}

/** The user's own PostgreSQL, or ours under HOLDFAST_HOME. */
export async function providePostgres(
  { service, settings }: PartContext,
  output: Output,
): Promise<ProvidedPostgres> {
  if (settings.DATABASE_URL) {
    output.item('PostgreSQL', `${hostOf(settings.DATABASE_URL)} (DATABASE_URL)`);
    const { DATABASE_URL: databaseUrl, DATABASE_DIRECT_URL: runtimeUrl = databaseUrl } = settings;
    const { DATABASE_OWNER_URL: ownerUrl = runtimeUrl } = settings;
    return { ownerUrl, runtimeUrl, databaseUrl, isOwn: false };
  }
  const server = await startEmbeddedPostgres({
    dataDir: join(settings.HOLDFAST_HOME, 'postgres'),
    port: POSTGRES_PORT,
    log: createProgressLog('PostgreSQL', output),
    onExit: () => service.failed('PostgreSQL', new Error('the embedded PostgreSQL ended unasked')),
  });
  // SIGQUIT is PostgreSQL's immediate shutdown: it recovers at its next start.
  service.onStop({
    name: 'PostgreSQL',
    stop: () => server.stop(),
    kill: () => signal(server.pid, 'SIGQUIT'),
  });
  const runtimeUrl = server.runtimeUrl(DATABASE);
  return { ownerUrl: server.url(DATABASE), runtimeUrl, databaseUrl: runtimeUrl, isOwn: true };
}

export interface ProvidedTemporal extends Required<TemporalTarget> {
  uiUrl: string | null;
}

/** The user's own Temporal, or a development server with its state under HOLDFAST_HOME. */
export async function provideTemporal(
  { service, settings }: PartContext,
  output: Output,
): Promise<ProvidedTemporal> {
  if (settings.TEMPORAL_ADDRESS) {
    output.item('Temporal', `${settings.TEMPORAL_ADDRESS} (TEMPORAL_ADDRESS)`);
    return { address: settings.TEMPORAL_ADDRESS, namespace: settings.TEMPORAL_NAMESPACE, uiUrl: null };
  }
  const log = createProgressLog('Temporal', output);
  const cliPath = await findTemporalCli({
    log,
    explicitPath: settings.TEMPORAL_CLI_PATH,
    signal: service.stopping,
  });
  service.stopping.throwIfAborted();
  const server = await startTemporalServer({
    cliPath,
    stateFile: join(settings.HOLDFAST_HOME, 'temporal.db'),
    port: TEMPORAL_PORT,
    uiPort: TEMPORAL_UI_PORT,
    retentionDays: settings.TEMPORAL_RETENTION_DAYS,
    log,
    onExit: () => service.failed('Temporal', new Error('the embedded Temporal server ended unasked')),
  });
  service.onStop({ name: 'Temporal', stop: () => server.stop(), kill: () => signal(server.pid, 'SIGKILL') });
  return { address: server.address, namespace: server.namespace, uiUrl: server.uiUrl ?? null };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already, which is what was wanted.
  }
}

function hostOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}
