import type { Client } from '@temporalio/client';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import type { Registry } from 'prom-client';
import { createWarehouseDirectory } from '../domain/catalog/warehouses';
import { createBookingAtOnce } from '../domain/fulfilment/book-at-once';
import { createOrderAmender } from '../domain/ordering/amendments/amend';
import { createOrderReserver } from '../domain/ordering/order-reserver';
import { openCarriers } from '../integrations/carriers';
import { createGatewayMetrics } from '../integrations/gateway-metrics';
import { isFastGateway, openGateways } from '../integrations/gateways';
import { openMailer } from '../integrations/mailer';
import { openFileStore } from '../integrations/file-store/open';
import { openWebhookSender } from '../integrations/webhook-sender/open';
import { wakeWebhooks } from '../domain/webhooks/dispatch';
import { ensurePartitions } from '../domain/stock/partitions/partitions';
import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { unpaidLimitsOf, type Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import type { Observability } from '../platform/observability';
import type { Logger } from '../platform/telemetry/log';
import { NO_TRACER } from '../platform/telemetry/tracer';
import { createEngineClient } from '../platform/temporal/engine-client';
import { withTimeout } from '../platform/with-timeout';
import type { EngineNames } from '../workflows/contract/names';
import { sagaSettings } from '../workflows/contract/start';
import { createActivities } from './activities';
import { deploymentOptions } from './deployment';
import { signalReservationExpiry } from './ensure/signal-standing-workflows';
import type { Integrations } from './integrations';
import { createReceivers } from './outbox/receivers';
import { startEventSequencer } from './event-sequencer';
import { startNotificationPlanner } from './notification-planner';
import { startRelay } from './outbox/relay';
import { addAnalyticsMetrics } from './analytics-metrics';
import { startAnalyticsFollower } from './analytics-follower';
import { startReportFollower } from './report-follower';
import { ensureSchedules } from './schedules';
import { createTaskQueueWorkers, runWorkers } from './task-queue-workers';
import { addLedgerMetrics } from './ledger-metrics';
import { addMailMetrics } from './mail-metrics';
import { addWebhookMetrics } from './webhook-metrics';
import { addWorkerMetrics } from './worker-metrics';

export interface WorkerDeps {
  settings: Settings;
  db: Database;
  /** For integrations with tables of their own; and for the relay's listening connection, unless DATABASE_DIRECT_URL is set. */
  databaseUrl: string;
  connection: NativeConnection;
  client: Client;
  namespace: string;
  names: EngineNames;
  log: Logger;
  /** Its metrics are added here. */
  metrics: Registry;
  /** Measures and traces what it does; nobody unless given. */
  observability?: Pick<Observability, 'tracer' | 'batches'>;
  /** Instead of those that the settings ask for. Closed with the worker. */
  integrations?: Integrations;
  /** For tests: a bundle made before, and whatever else is to differ. */
  workerOptions?: Partial<WorkerOptions>;
  /** For tests: the file of the threads that forecast. */
  forecastThread?: string;
}

export interface RunningWorker {
  /** Rejects when the worker ends by itself; stays pending while it runs and after `drain`. */
  failed: Promise<never>;
  /**
   * The carriers of this process no longer call the webhook, which may be an API that stops next. What they have not reported is
   * reported by another worker, or after the next start.
   */
  stopReports(): Promise<void>;
  /**
   * Finishes what runs, up to the grace and a little more, then closes the reserver, the relay, the sequencer of events and the
   * integrations. What has not ended by then is left behind, and done again by another worker. May be called again, to wait for it once more.
   */
  drain(): Promise<void>;
}

const SECONDS_OF_DAY = 86_400;
/** What was cancelled at the end of the grace gets this long to end. */
const CANCELLED_SECONDS = 5;

/** Runs everything that is durable: sagas and their activities, the dispatcher, the schedules, the relay and the carrier. */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { settings, db, names, log } = deps;
  const tracer = deps.observability?.tracer ?? NO_TRACER;
  const { gateways, carriers, sendWebhook, mailer, files } = deps.integrations ?? openIntegrations(deps);
  const gateway = gateways.current;
  const engine = createEngineClient(deps.client);
  const context = {
    db,
    stock,
    engine,
    names,
    saga: sagaSettings(settings, { names, gatewayIsFast: isFastGateway(settings) }),
    settings,
    gateways,
    carriers,
    sendWebhook,
    files,
    mailer,
    log,
  };
  await ensurePartitions(db, settings.LEDGER_PARTITIONS_AHEAD);
  // Before there are workers: one that never ran cannot be shut down, and keeps its connection from being closed.
  await ensureSchedules(engine, names, settings);
  await signalReservationExpiry({ engine, names });
  const sourcing = {
    db,
    warehouses: createWarehouseDirectory(db),
    gateway,
    strategy: settings.SOURCING_STRATEGY,
  };
  const unpaidLimits = unpaidLimitsOf(settings);
  const reserver = createOrderReserver({
    ...sourcing,
    unpaidLimits,
    backorderLimits: {
      product: settings.BACKORDER_LIMIT_PRODUCT,
      customer: settings.BACKORDER_LIMIT_CUSTOMER,
    },
    backorderSeconds: settings.BACKORDER_WAIT_DAYS * SECONDS_OF_DAY,
    lanes: settings.RESERVE_LANES,
    maxBatch: settings.RESERVE_MAX_BATCH,
    log,
    ...(deps.observability ? { observer: deps.observability.batches } : {}),
  });
  const amender = createOrderAmender({ ...sourcing, attemptLimit: settings.PAYMENT_ATTEMPTS, unpaidLimits });
  const activities = createActivities({
    ...context,
    forecastThread: deps.forecastThread,
    reserver,
    amender,
    onWebhookTried: addWebhookMetrics(deps.metrics),
    onMailTried: addMailMetrics(deps.metrics),
  });
  const workerOptions = await deploymentOptions(deps);
  const taskQueueWorkers = await createTaskQueueWorkers({ ...deps, activities, tracer, workerOptions });
  addWorkerMetrics(deps.metrics, taskQueueWorkers);
  addLedgerMetrics(deps.metrics, db, settings.LEDGER_RETENTION_MONTHS);
  addAnalyticsMetrics(deps.metrics, db);
  const workers = runWorkers(taskQueueWorkers);
  const booking = createBookingAtOnce({ db, carriers, callTimeoutMs: settings.CARRIER_CALL_TIMEOUT_MS, log });
  const receivers = createReceivers({
    ...context,
    bookAtOnce: () => booking.book(),
  });
  const databaseUrl = settings.DATABASE_DIRECT_URL ?? deps.databaseUrl;
  const relay = startRelay({ db, databaseUrl, receivers, tracer, log });
  const sequencer = startEventSequencer({ db, log, onNumbered: wakeWebhooks });
  const reportFollower = startReportFollower({ db, log });
  const analyticsFollower = startAnalyticsFollower({ db, log });
  const planner = startNotificationPlanner({ db, log, sendsMail: mailer !== null });
  for (const { start } of carriers) start();

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    booking.close();
    await relay.stop();
    await sequencer.stop();
    await reportFollower.stop();
    await analyticsFollower.stop();
    await planner.stop();
    mailer?.close();
    await engine.idle();
    await Promise.all(carriers.map(({ close }) => close()));
    await gateways.close();
    await files?.close();
  }

  return {
    failed: workers.failed,
    async stopReports() {
      await Promise.all(carriers.map((carrier) => carrier.stop()));
    },
    async drain() {
      const ended = workers
        .shutDown()
        .catch((error: unknown) => log.error({ err: error }, 'the worker ended with an error'))
        .then(() => reserver.close());
      const limitSeconds = settings.SHUTDOWN_GRACE_SECONDS + CANCELLED_SECONDS;
      if ((await withTimeout(ended, limitSeconds * 1_000)) === 'late') {
        log.error(`the worker has not ended after ${limitSeconds} s; what it does is done again by another`);
      }
      closing ??= close();
      await closing;
    },
  };
}

function openIntegrations({ settings, databaseUrl, log, metrics }: WorkerDeps): Integrations {
  const deps = { databaseUrl, log, metrics: createGatewayMetrics(metrics) };
  return {
    gateways: openGateways(settings, deps),
    carriers: openCarriers(settings, deps),
    sendWebhook: openWebhookSender(settings),
    files: openFileStore(settings),
    mailer: openMailer(settings),
  };
}
