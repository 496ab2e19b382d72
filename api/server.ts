import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Registry } from 'prom-client';
import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { createKeyReader } from '../domain/identity/key-reader';
import { readOrders } from '../domain/ordering/views';
import { openFileStore } from '../integrations/file-store/open';
import { createWebhookSecrets } from '../domain/webhooks/secrets';
import { payloadKeysOf, type Settings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { AppError } from '../platform/errors';
import { openListener, type Listener } from '../platform/database/listener';
import { migrationFiles } from '../platform/database/migrations';
import { openDatabaseProbe, type DatabaseProbe } from '../platform/health/database-probe';
import { createProcessHealth } from '../platform/health/process-health';
import { createObservability, type Observability } from '../platform/observability';
import type { Logger } from '../platform/telemetry/log';
import { createMetricsRegistry } from '../platform/telemetry/metrics';
import type { EngineNames } from '../workflows/contract/names';
import { createAccessLog } from './http/access-log';
import { createApp } from './http/app';
import { guardConnections } from './http/connections';
import { serveUpgrades } from './http/upgrades';
import { apiRoutes } from './routes/api-routes';
import { createAccounts } from './services/accounts';
import { createAccessControl } from './services/access-control';
import { createAdmission } from './services/admission';
import type { ApiContext } from './services/context';
import { createApiMetrics } from './services/metrics';
import { createLive } from './services/live';
import { createOrderOutcomes } from './services/order-outcomes';
import { createReservationService } from './services/reservation-service';
import { createChangeFeed } from './streams/change-feed';
import { createEngine } from './temporal/engine';

export interface ApiOptions {
  settings: Settings;
  db: Database;
  /** For the pool of reports; and for the LISTEN connection, unless DATABASE_DIRECT_URL is set. */
  databaseUrl: string;
  client: Client;
  names: EngineNames;
  /** True where a worker of this process shares the client's native connection. */
  eagerStart: boolean;
  /** Measures and traces this process; one that only measures unless given. */
  observability?: Observability;
  /** Of a worker in this process: `/metrics` shows them too. */
  workerMetrics?: Registry;
  log: Logger;
}

type ObservedOptions = ApiOptions & { observability: Observability };

export interface Api {
  /** Where it listens. */
  url: string;
  /**
   * Is no longer ready, and after the delay stops accepting, ends streams, lets requests end within the grace, then closes their
   * connections. The client may then be closed.
   */
  close(): Promise<void>;
}

/** An order may spend a third of OUTCOME_TIMEOUT_MS in the queue: the rest is for placing it. */
const QUEUE_SHARE = 1 / 3;
/** What of the pool of reports searches of the public may hold at once: reports of who works here go on. */
const SEARCH_SHARE = 1 / 2;
/** Searches of the public that wait for their turn; those beyond, and those that would wait longer, are told to come back. */
const SEARCH_QUEUE = 200;
const SEARCH_WAIT_MS = 5_000;
/** Longer than the 60 s after which common load balancers drop an idle connection, so that they close it and not we. */
const KEEP_ALIVE_MS = 65_000;
/** Of what is uploaded; other bodies have less time, see `app.ts`. */
const UPLOAD_READ_MS = 3_600_000;
const IDLE_CHECK_MS = 50;
/** Connections that the system keeps until they are taken, as far as it is set up for so many: a burst is not reset. */
const BACKLOG = 4_096;
/** How often Node looks for requests that take too long: by default every 30 s. */
const TIMEOUT_CHECK_MS = 1_000;

/**
 * Starts the HTTP API. PostgreSQL and Temporal may be away: it listens, responds with 503 and is not ready until they are back.
 *
 * @throws AppError `PORT_TAKEN` when it cannot listen on HOST and PORT.
 */
export async function startApi(given: ApiOptions): Promise<Api> {
  const { settings, log } = given;
  const migrations = await migrationFiles();
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: settings.REQUEST_HEADER_SECONDS * 1_000,
    requestTimeout: UPLOAD_READ_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    // Refused with a problem document, see `browser-guard.ts`.
    requireHostHeader: false,
  });
  // First of all: a port that is taken leaves nothing behind. The first connection is taken after all that follows without a wait.
  await listen(server, settings);
  const observability =
    given.observability ?? createObservability({ registry: createMetricsRegistry('api') });
  const options = { ...given, observability };
  const listener = openListener({
    url: settings.DATABASE_DIRECT_URL ?? options.databaseUrl,
    channels: ['holdfast_orders', 'holdfast_jobs', 'holdfast_events'],
    log,
  });
  const stopping = new AbortController();
  const reports = openReports(options);
  const probe = openDatabaseProbe({ url: options.databaseUrl, migrations });
  let isLeaving = false;
  const context = createContext(options, {
    listener,
    reports,
    probe,
    isLeaving: () => isLeaving,
    stopping: stopping.signal,
  });
  guardConnections(server, {
    maxConnections: settings.HTTP_MAX_CONNECTIONS,
    log,
    metrics: context.metrics,
  });
  const closeUnused = watchUnused(server);
  // Before the application's own, which may respond at once.
  server.on('request', (_request, response) => {
    // Whoever keeps connections sends the next request to another process.
    if (isLeaving) response.setHeader('connection', 'close');
  });
  server.on('request', createApp(context, apiRoutes(context)));
  serveUpgrades(server);
  if (settings.CARRIER_UPDATES_UNSIGNED === 'allow') {
    log.warn(
      'CARRIER_UPDATES_UNSIGNED is allow: whoever reaches the API may send updates of a carrier without a secret',
    );
  }
  async function close(): Promise<void> {
    isLeaving = true;
    // Whoever routes by `/ready` sends requests until it has looked again.
    await pause(settings.SHUTDOWN_DELAY_SECONDS * 1_000);
    stopping.abort();
    await drain(server, closeUnused, settings.SHUTDOWN_GRACE_SECONDS * 1_000);
    await context.reservations.close();
    await context.keys.close();
    await context.engine.idle();
    await listener.close();
    await probe.close();
    await reports.close();
    await context.files?.close();
    if (!given.observability) await observability.close();
  }
  let closing: Promise<void> | undefined;
  return { url: urlOf(server), close: () => (closing ??= close()) };
}

function openReports({ settings, databaseUrl, observability, log }: ObservedOptions): Database {
  return openDatabase({
    url: databaseUrl,
    directUrl: settings.DATABASE_DIRECT_URL,
    poolSize: settings.REPORT_POOL_SIZE,
    applicationName: 'holdfast-reports',
    metrics: observability.poolMetrics('reports'),
    tracer: observability.tracer,
    log,
  });
}

function createContext(
  options: ObservedOptions,
  {
    listener,
    reports,
    probe,
    isLeaving,
    stopping,
  }: {
    listener: Listener;
    reports: Database;
    probe: DatabaseProbe;
    isLeaving(): boolean;
    stopping: AbortSignal;
  },
): ApiContext {
  const orderChanges = createChangeFeed(listener, 'holdfast_orders');
  const { settings, db, client, names, eagerStart, observability, workerMetrics, log } = options;
  const orderOutcomes = createOrderOutcomes({
    feed: orderChanges,
    log,
    read: (orderIds) => readOrders(db, orderIds),
  });
  const admission = createAdmission({
    what: 'orders',
    limit: settings.ADMISSION_LIMIT,
    queue: settings.ADMISSION_QUEUE,
    maxWaitMs: settings.OUTCOME_TIMEOUT_MS * QUEUE_SHARE,
  });
  const searches = createAdmission({
    what: 'searches',
    limit: Math.max(1, Math.floor(settings.REPORT_POOL_SIZE * SEARCH_SHARE)),
    queue: SEARCH_QUEUE,
    maxWaitMs: SEARCH_WAIT_MS,
  });
  const keys = createKeyReader({ db, log });
  const accounts = createAccounts({ db, settings });
  const reservations = createReservationService({
    db,
    stock,
    settings,
    log,
    observer: observability.batches,
  });
  const engine = createEngine({ client, names, settings, eagerStart, log });
  const access = createAccessControl({ db, keys, accounts });
  const metrics = createApiMetrics({
    admission,
    reservations,
    orderOutcomes,
    db,
    registry: observability.registry,
    others: workerMetrics ? [workerMetrics] : [],
  });
  return {
    settings,
    db,
    reports,
    files: openFileStore(settings),
    keys,
    accounts,
    access,
    stock,
    webhookSecrets: createWebhookSecrets(payloadKeysOf(settings)),
    engine,
    orderChanges,
    ...createLive({ db, reports, settings, access, listener, orderChanges, metrics, log, stopping }),
    orderOutcomes,
    admission,
    searches,
    reservations,
    metrics,
    tracer: observability.tracer,
    accessLog: createAccessLog(log),
    health: createProcessHealth({
      database: probe,
      askTemporal: () => engine.health.probe(),
      // Without it everything but orders, payments and jobs goes on.
      needsTemporal: false,
      phase: () => (isLeaving() ? 'stopping' : 'running'),
    }),
    log,
    stopping,
  };
}

function listen(server: Server, { HOST, PORT }: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new AppError('PORT_TAKEN', `Cannot listen on ${HOST}:${PORT}: ${cause.message}`, {}, { cause })),
    );
    server.listen({ port: PORT, host: HOST, backlog: BACKLOG }, resolve);
  });
}

/** Kept-alive connections keep a server open for ever, so those without a request are closed until none is left. */
async function drain(server: Server, closeUnused: () => void, graceMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const closing = setInterval(() => {
    server.closeIdleConnections();
    closeUnused();
  }, IDLE_CHECK_MS);
  const deadline = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await closed;
  clearInterval(closing);
  clearTimeout(deadline);
}

/** Node counts a connection that never sent a byte as busy (it waits for its headers); browsers open such ones ahead. */
function watchUnused(server: Server): () => void {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    // It comes again with each request for another protocol, see `http/upgrades.ts`.
    if (open.has(socket)) return;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
}

function urlOf(server: Server): string {
  // A server that listens on TCP has an address of this shape.
  const { address, family, port } = server.address() as AddressInfo;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${family === 'IPv6' && host.includes(':') ? `[${host}]` : host}:${port}`;
}
