import type { Client } from '@temporalio/client';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createConsistencyActivities } from '../activities/consistency';
import { createFeedActivities } from '../activities/feeds';
import { createFulfilmentActivities } from '../activities/fulfilment';
import { createReservationActivities } from '../activities/reservations';
import { createJobActivities } from '../activities/jobs';
import { createMaintenanceActivities } from '../activities/maintenance';
import { createOrderActivities } from '../activities/orders';
import { createPaymentActivities } from '../activities/payments';
import { createStockKeepingActivities } from '../activities/warehousing';
import { createTransferActivities } from '../activities/transfers';
import { ensurePartitions } from '../domain/stock/retention/retention';
import { createWarehouseDirectory } from '../domain/catalog/warehouses';
import { drainAllocation } from '../domain/ordering/backorders/drain-allocation';
import { stock } from '../domain/ordering/backorders/stock';
import { createOrderReserver } from '../domain/ordering/place';
import { selectInput } from '../domain/ordering/reconcile-queries';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { withTimeout } from '../platform/with-timeout';
import type { EngineNames } from '../workflows/contract/names';
import { sagaTimeouts } from '../workflows/contract/start';
import { workflowBundle } from './bundle';
import { signalReservationExpiry } from './outbox/receivers';
import { ensureTransferWorkflow, transferWorkflowRuns } from './ensure-transfer-workflow';
import { startRelay } from './outbox/relay';
import { createSagas } from './sagas';
import { ensureSchedules } from './schedules';
import { openIntegrations, type Integrations } from './integrations';
import { ensureJobWorkflow } from './ensure-job-workflow';
import { workflowState } from './workflow-state';

export interface WorkerDeps {
  settings: Settings;
  db: Database;
  /** For the relay's listening connection. */
  databaseUrl: string;
  connection: NativeConnection;
  client: Client;
  namespace: string;
  names: EngineNames;
  log: Logger;
  /** Instead of those that the settings ask for. Closed with the worker. */
  seams?: Integrations;
  /** For tests: a bundle made before, and whatever else is to differ. */
  workerOptions?: Partial<WorkerOptions>;
}

export interface RunningWorker {
  /** Rejects when the worker ends by itself; stays pending while it runs and after `drain`. */
  failed: Promise<never>;
  /**
   * Finishes what runs, up to the grace and a little more, then the combiner, the relay and the seams. What has not ended
   * by then is left behind, and done again by another worker. May be called again, to wait for it once more.
   */
  drain(): Promise<void>;
}

/** How long an order, a transfer or a job may rest before the sweep looks at it; and again, while it merely waits to be paid. */
const SWEEP_GRACE_SECONDS = 30;
const SWEEP_RECHECK_SECONDS = 600;
/** What is younger is not yet called stuck or orphaned: it may be on its way. */
const CONSISTENCY_GRACE_SECONDS = 300;
const DISPATCH_BATCH = 200;
/** What was cancelled at the end of the grace gets this long to end. */
const CANCELLED_SECONDS = 5;
/** How long an import waits for a database that is slow or failing before it tries one batch. */
const FEED_PAUSE_MS = 5_000;

/** Runs everything that is durable: sagas and their activities, the dispatcher, the schedules, the relay and the carrier. */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { settings, db, client, names, log } = deps;
  const { gateway, carrier } = deps.seams ?? openIntegrations(deps);
  await ensurePartitions(db, settings.LEDGER_PARTITIONS_AHEAD);
  // Before there are workers: one that never ran cannot be shut down, and keeps its connection from being closed.
  await ensureSchedules(client, names, {
    sweepIntervalSeconds: settings.SWEEP_INTERVAL_SECONDS,
    sealIntervalSeconds: settings.SEAL_INTERVAL_SECONDS,
    consistencyIntervalSeconds: settings.CONSISTENCY_INTERVAL_SECONDS,
  });
  await signalReservationExpiry({ client, names });
  const timeouts = sagaTimeouts(settings);
  const sagas = createSagas({ client, names, timeouts });
  const reserver = createOrderReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    gateway: gateway.name,
    strategy: settings.SOURCING_STRATEGY,
    lanes: settings.RESERVE_LANES,
    maxBatch: settings.RESERVE_MAX_BATCH,
    log,
  });
  const fulfilment = createFulfilmentActivities({ db, carriers: [carrier] });
  const workers = await createWorkers(deps, {
    orders: {
      ...createOrderActivities({ db, reserver, gateway: gateway.name, carrier: carrier.name }),
      ...createPaymentActivities({ db, gateway }),
      voidShipments: fulfilment.voidShipments,
    },
    jobs: {
      dispatchShipments: fulfilment.dispatchShipments,
      ...createFeedActivities({
        db,
        stock,
        lanes: settings.FEED_LANES,
        pace: {
          maxRows: settings.FEED_BATCH_ROWS,
          slowMs: settings.FEED_SLOW_BATCH_MS,
          pauseMs: FEED_PAUSE_MS,
        },
        log,
      }),
      ...createConsistencyActivities({
        db,
        describe: sagas.describe,
        graceSeconds: CONSISTENCY_GRACE_SECONDS,
        log,
      }),
      ...createReservationActivities({ db, stock }),
      ...createStockKeepingActivities({ db }),
      ...createTransferActivities({
        db,
        transferWorkflowRuns: (transferId) => transferWorkflowRuns({ client, names }, transferId),
        follow: (transferId) => ensureTransferWorkflow({ db, client, names }, transferId),
        graceSeconds: SWEEP_GRACE_SECONDS,
        recheckSeconds: SWEEP_RECHECK_SECONDS,
        log,
      }),
      ...createJobActivities({
        db,
        describe: (jobId) => workflowState(client, names.jobWorkflowId(jobId)),
        start: (jobId) => ensureJobWorkflow({ db, client, names }, jobId),
        graceSeconds: SWEEP_GRACE_SECONDS,
        log,
      }),
      ...createMaintenanceActivities({
        db,
        describeSaga: sagas.describe,
        startSaga: sagas.restart,
        graceSeconds: SWEEP_GRACE_SECONDS,
        recheckSeconds: SWEEP_RECHECK_SECONDS,
        partitionsAhead: settings.LEDGER_PARTITIONS_AHEAD,
        retentionMonths: settings.LEDGER_RETENTION_MONTHS,
        log,
      }),
    },
  });

  let draining = false;
  const running = Promise.all(workers.map((worker) => worker.run()));
  const failed = new Promise<never>((_, reject) => {
    running.then(
      () => draining || reject(new Error('the worker stopped by itself')),
      (error: unknown) => draining || reject(error instanceof Error ? error : new Error(String(error))),
    );
  });
  const relay = startRelay({
    db,
    databaseUrl: deps.databaseUrl,
    client,
    names,
    dispatcher: { taskQueue: names.jobsQueue, input: { batchSize: DISPATCH_BATCH } },
    restartSaga: async (orderId) => {
      const order = await selectInput(db, orderId);
      if (order) await sagas.restart(order);
    },
    drainAllocation: (reservationId) => drainAllocation(db, reservationId),
    log,
  });
  carrier.start();

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    await relay.stop();
    await carrier.close();
    await gateway.close();
  }

  return {
    failed,
    async drain() {
      draining = true;
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      const ended = running
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

async function createWorkers(
  { settings, connection, namespace, names, workerOptions }: WorkerDeps,
  activities: { orders: object; jobs: object },
): Promise<Worker[]> {
  const shared = {
    connection,
    namespace,
    ...(workerOptions?.workflowBundle ? {} : { workflowBundle: await workflowBundle() }),
    // Without shutdownForceTime: a worker that is cut off by it waits for ever for what nobody polls any more.
    shutdownGraceTime: settings.SHUTDOWN_GRACE_SECONDS * 1_000,
    ...workerOptions,
  };
  // As many slots as orders may be under way: with the default of 40 the combiner's batches could not grow beyond it.
  const slots = Math.max(settings.ADMISSION_LIMIT, 40);
  return [
    await Worker.create({
      ...shared,
      taskQueue: names.ordersQueue,
      activities: activities.orders,
      maxConcurrentWorkflowTaskExecutions: slots,
      maxConcurrentLocalActivityExecutions: slots,
    }),
    await Worker.create({ ...shared, taskQueue: names.jobsQueue, activities: activities.jobs }),
  ];
}
