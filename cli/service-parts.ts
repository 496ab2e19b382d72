import type { Client } from '@temporalio/client';
import type { Registry } from 'prom-client';
import { startApi } from '../api/server';
import { logFailures } from '../domain/stock/alerts/failed-work';
import { COUNTED_ORDER_EVENTS } from '../domain/orders/types';
import { LEDGER_KINDS } from '../domain/stock/ledger/types';
import type { Settings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { migrationFiles } from '../platform/database/migrations';
import { serveAdmin } from '../platform/health/admin-server';
import { openDatabaseProbe } from '../platform/health/database-probe';
import { createProcessHealth } from '../platform/health/process-health';
import { createObservability, type Observability } from '../platform/observability';
import { isAppError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { openTracer } from '../platform/telemetry/open-telemetry';
import { createCoreMetrics } from '../platform/temporal/core-metrics';
import { createEngineClient } from '../platform/temporal/engine-client';
import { VERSION } from '../platform/version';
import {
  connectTemporal,
  installTemporalRuntime,
  lazyTemporalClient,
  type LazyTemporalLink,
  type TemporalLink,
  type TemporalTarget,
} from '../platform/temporal/connection';
import { ensureSearchAttributes, setRetention } from '../platform/temporal/namespace';
import { startWorker } from '../worker/worker';
import type { EngineNames } from '../workflows/contract/names';
import type { Service } from './service';

/** What every part of a running command is given. Each function below starts one part and registers how it is stopped. */
export interface PartContext {
  service: Service;
  settings: Settings;
  log: Logger;
}

const HTTP_SERVER = 'HTTP server';

/** Seconds that one part may take to stop: its own delay and grace, and some more. */
export function stopSeconds(settings: Settings): number {
  return settings.SHUTDOWN_DELAY_SECONDS + settings.SHUTDOWN_GRACE_SECONDS + 10;
}

/** What measures and traces this process. Stopped last of all, since what stops before it is still seen. */
export async function openObservabilityPart(
  { service, settings, log }: PartContext,
  { part, registry }: { part: string; registry: Registry },
): Promise<Observability> {
  const tracer = await openTracer(settings, {
    service: `holdfast-${part}`,
    version: VERSION,
    registry,
    log,
  });
  const observability = createObservability({
    registry,
    tracer,
    known: { order_event: COUNTED_ORDER_EVENTS, ledger_entry: LEDGER_KINDS },
  });
  service.onStop({ name: 'metrics and traces', stop: () => observability.close() });
  return observability;
}

export function openDatabasePart(
  { service, settings, log }: PartContext,
  { url, observability }: { url: string; observability: Observability },
): Database {
  const db = openDatabase({
    url,
    directUrl: settings.DATABASE_DIRECT_URL,
    poolSize: settings.DATABASE_POOL_SIZE,
    metrics: observability.poolMetrics('main'),
    tracer: observability.tracer,
    log,
  });
  service.onStop({ name: 'database', stop: () => db.close() });
  const stopLogging = logFailures(log);
  service.onStop({
    name: 'log of failed work',
    stop: async () => {
      stopLogging();
      await Promise.resolve();
    },
  });
  return db;
}

/** For a process with a worker: fails when Temporal is away. */
export async function connectTemporalPart(
  { service, settings, log }: PartContext,
  { registry, tracer }: Observability,
  target: TemporalTarget,
): Promise<TemporalLink> {
  const metrics = createCoreMetrics(registry);
  service.onStop({
    name: "metrics of Temporal's SDK",
    stop: async () => {
      metrics.stop();
      await Promise.resolve();
    },
  });
  installTemporalRuntime(log, metrics.buffer);
  const link = await connectTemporal(settings, { ...target, tracer, log });
  service.onStop({ name: 'temporal connection', stop: () => link.close() });
  return link;
}

/** Makes the namespace what orders need. Where the server does not let us set how long it keeps workflows, that is logged. */
export async function prepareNamespace(
  { settings, log }: PartContext,
  { connection, namespace }: TemporalLink,
): Promise<void> {
  await ensureSearchAttributes(connection, namespace);
  const { TEMPORAL_RETENTION_DAYS: days } = settings;
  if (days === undefined) return;
  await setRetention(connection, namespace, days).catch((error: unknown) => {
    if (!isAppError(error, 'RETENTION_NOT_SET')) throw error;
    log.warn({ setting: 'TEMPORAL_RETENTION_DAYS' }, error.message);
  });
}

/** For a process without a worker: Temporal may be away. */
export function lazyTemporalPart(
  { service, settings }: PartContext,
  { tracer }: Observability,
  target: TemporalTarget,
): LazyTemporalLink {
  const link = lazyTemporalClient(settings, { ...target, tracer });
  service.onStop({ name: 'temporal connection', stop: () => link.close() });
  return link;
}

export interface WorkerParts {
  db: Database;
  databaseUrl: string;
  temporal: TemporalLink;
  names: EngineNames;
  /** Its metrics are added here. */
  metrics: Registry;
  observability: Observability;
}

export async function startWorkerPart(context: PartContext, parts: WorkerParts): Promise<void> {
  const { service, settings, log } = context;
  const { temporal, ...rest } = parts;
  const { connection, client, namespace } = temporal;
  const worker = await startWorker({ settings, connection, client, namespace, log, ...rest });
  // A request that is let end may still start an order, or wait for one.
  service.onStop({ name: 'worker', stop: () => worker.drain(), stopAfter: HTTP_SERVER });
  // Before the HTTP server of this process, which they call.
  service.onStop({ name: 'reports of carriers', stop: () => worker.stopReports() });
  worker.failed.catch((error: unknown) => service.failed('worker', error));
}

/**
 * Where `WORKER_ADMIN_PORT` is set: before the worker, so that it is asked already while that starts, and still while it stops.
 *
 * @returns to be told when the worker has started
 */
export async function serveAdminPart(
  { service, settings, log }: PartContext,
  {
    databaseUrl,
    temporal,
    metrics: registry,
  }: { databaseUrl: string; temporal: TemporalLink; metrics: Registry },
): Promise<{ started(): void }> {
  let hasStarted = false;
  const started = () => void (hasStarted = true);
  const { HOST: host, WORKER_ADMIN_PORT: port, ALLOWED_HOSTS: allowedHosts } = settings;
  if (port === undefined) return { started };
  const probe = openDatabaseProbe({ url: databaseUrl, migrations: await migrationFiles() });
  service.onStop({ name: 'database probe', stop: () => probe.close() });
  const engine = createEngineClient(temporal.client);
  service.onStop({ name: 'Temporal probe', stop: () => engine.idle() });
  const health = createProcessHealth({
    database: probe,
    askTemporal: () => engine.health.probe(),
    needsTemporal: true,
    phase: () => (service.stopping.aborted ? 'stopping' : hasStarted ? 'running' : 'starting'),
  });
  const server = await serveAdmin({ host, port, allowedHosts, registry, health, log });
  service.onStop({ name: 'admin port', stop: () => server.close() });
  log.info({ host, port: server.port }, 'health and metrics are served');
  return { started };
}

export interface ApiParts {
  db: Database;
  databaseUrl: string;
  client: Client;
  names: EngineNames;
  /** True where a worker of this process shares the client's connection. */
  eagerStart: boolean;
  observability: Observability;
  /** Of a worker in this process. */
  workerMetrics?: Registry;
}

/** Returns the URL it listens on. */
export async function startApiPart(context: PartContext, parts: ApiParts): Promise<string> {
  const { service, settings, log } = context;
  const api = await startApi({ settings, log, ...parts });
  service.onStop({ name: HTTP_SERVER, stop: () => api.close() });
  return api.url;
}
