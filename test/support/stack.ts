import { join } from 'node:path';
import { withStock } from './stock';
import { randomBytes } from 'node:crypto';
import type { Registry } from 'prom-client';
import { startApi, type Api } from '../../api/server';
import { createSandboxCarrier } from '../../integrations/sandbox-carrier/carrier';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { withBreaker } from '../../integrations/gateway-breaker';
import { createGatewayMetrics } from '../../integrations/gateway-metrics';
import { onlyGateway } from '../../integrations/gateways';
import { openFileStore } from '../../integrations/file-store/open';
import { openMailer } from '../../integrations/mailer';
import { openWebhookSender } from '../../integrations/webhook-sender/open';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { readSettings, type Settings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import type { EmbeddedPostgres } from '../../platform/embedded/postgres';
import type { Observability } from '../../platform/observability';
import type { Logger } from '../../platform/telemetry/log';
import { createMetricsRegistry } from '../../platform/telemetry/metrics';
import {
  connectTemporal,
  installTemporalRuntime,
  type TemporalLink,
} from '../../platform/temporal/connection';
import { SCHEDULES } from '../../worker/schedules';
import { startWorker, type RunningWorker } from '../../worker/worker';
import type { Integrations } from '../../worker/integrations';
import { engineNames, type EngineNames } from '../../workflows/contract/names';
import { CARRIER_SECRETS } from './carrier-signature';
import { createTestDatabase, openTestDatabase } from './database';
import { productDatabase } from './pooler';
import { temporalAddress, testLogger } from './servers';
import { withWorkflowBundle } from './workflow-bundle';

export interface StackOptions {
  /** Over the defaults, which are short. */
  settings?: Partial<Settings>;
  /** An HTTP API as well. */
  api?: boolean;
  /** No worker: the test starts it. */
  worker?: boolean;
  /** Warehouses where the sandbox carrier refuses, or loses, parcels. */
  refuseWarehouses?: string[];
  loseWarehouses?: string[];
  /** How long `tok_slow` takes. */
  slowMs?: number;
  /** Servers of the test's own, instead of the run's. */
  postgres?: EmbeddedPostgres;
  temporalAddress?: string;
  /** Changes the gateway before it is put behind its circuit breaker. */
  gateway?: (sandbox: ClosableGateway) => ClosableGateway;
  integrations?: (made: Integrations) => Integrations;
  /** Measures and traces everything that runs. The caller closes it. */
  observability?: Observability;
  /** The test's own unless given. */
  log?: Logger;
}

/** Everything that runs an order, on the real servers, in names of its own: several share one namespace. */
export interface Stack {
  db: Database;
  /** As the owner of the schema. */
  databaseUrl: string;
  settings: Settings;
  names: EngineNames;
  temporal: TemporalLink;
  /** Of the API, `http://host:port/api/v1`. */
  url: string;
  /** Of the worker that was started last. */
  workerMetrics: Registry | undefined;
  /** Beside others that run. With a bundle: of other workflows than the product's. */
  startWorker(workflowBundle?: { codePath: string }): Promise<RunningWorker>;
  stopWorker(): Promise<void>;
  stop(): Promise<void>;
}

/** About 30 years: the next multiple since 1970 is in 2029 or later. */
const NEVER_SECONDS = 946_080_000;

let runtimeInstalled = false;

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const log = options.log ?? testLogger();
  if (!runtimeInstalled) installTemporalRuntime(log);
  runtimeInstalled = true;
  const database = await createTestDatabase(options.postgres);
  // What runs is the product, so it runs as it does elsewhere.
  const product = productDatabase(database.runtimeUrl);
  const databaseUrl = product.DATABASE_URL;
  const settings: Settings = {
    ...readSettings({ ...CARRIER_SECRETS, ...product }),
    PORT: 0,
    // Else each stack would have to make its build current first. Tests of versions set it.
    WORKER_VERSIONING: 'off',
    SANDBOX_CARRIER_DELAY_MS: 0,
    SHUTDOWN_GRACE_SECONDS: 5,
    // Runs are due at multiples of an interval since 1970, so that an hourly one may come in the middle of any test.
    RECONCILE_INTERVAL_SECONDS: NEVER_SECONDS,
    SEAL_INTERVAL_SECONDS: NEVER_SECONDS,
    CONSISTENCY_INTERVAL_SECONDS: NEVER_SECONDS,
    PAYMENT_CALL_TIMEOUT_MS: 8_000,
    ...options.settings,
  };
  const names = engineNames(`t${randomBytes(5).toString('hex')}-`);
  const { observability } = options;
  const db = openTestDatabase(
    database,
    settings.DATABASE_POOL_SIZE,
    observability && { metrics: observability.poolMetrics('main'), tracer: observability.tracer },
  );
  const temporal = await connectTemporal(settings, {
    address: options.temporalAddress ?? temporalAddress(),
    ...(observability && { tracer: observability.tracer }),
    log,
  });
  let workers: RunningWorker[] = [];
  let api: Api | undefined;

  function openIntegrations(registry: Registry): Integrations {
    const callTimeoutMs = settings.PAYMENT_CALL_TIMEOUT_MS;
    const sandbox = createSandboxGateway({
      url: databaseUrl,
      directUrl: settings.DATABASE_DIRECT_URL,
      log,
      callTimeoutMs,
      authorizationSeconds: settings.SANDBOX_AUTHORIZATION_SECONDS,
      ...(options.slowMs === undefined ? {} : { slowMs: options.slowMs }),
    });
    const gateway = options.gateway ? options.gateway(sandbox) : sandbox;
    const made: Integrations = {
      gateways: onlyGateway(
        withBreaker(gateway, { callTimeoutMs, log, metrics: createGatewayMetrics(registry) }),
      ),
      carriers: [
        createSandboxCarrier({
          url: databaseUrl,
          directUrl: settings.DATABASE_DIRECT_URL,
          stageDelayMs: settings.SANDBOX_CARRIER_DELAY_MS,
          refuseWarehouses: options.refuseWarehouses ?? [],
          loseWarehouses: options.loseWarehouses ?? [],
          deliver: async (events) => {
            const outcomes = await applyCarrierEvents(withStock(db), 'sandbox', events);
            return outcomes.filter(({ result }) => result === 'failed').map(({ eventId }) => eventId);
          },
          log,
        }),
      ],
      sendWebhook: openWebhookSender(settings),
      files: openFileStore(settings),
      mailer: openMailer(settings),
    };
    return options.integrations ? options.integrations(made) : made;
  }

  const stack: Stack = {
    db,
    databaseUrl: database.url,
    settings,
    names,
    temporal,
    url: '',
    workerMetrics: undefined,
    async startWorker(workflowBundle) {
      const { client, connection, namespace } = temporal;
      const metrics = createMetricsRegistry('worker');
      stack.workerMetrics = metrics;
      const worker = await startWorker({
        settings,
        db,
        databaseUrl,
        client,
        connection,
        namespace,
        names,
        log,
        metrics,
        ...(observability && { observability }),
        forecastThread: join(__dirname, 'typescript-thread.cjs'),
        integrations: openIntegrations(metrics),
        workerOptions: {
          ...withWorkflowBundle({ taskQueue: '' }),
          ...(workflowBundle ? { workflowBundle } : {}),
        },
      });
      workers.push(worker);
      worker.failed.catch((error: unknown) => log.error({ err: error }, 'the worker of a test failed'));
      return worker;
    },
    async stopWorker() {
      const stopped = workers;
      workers = [];
      await Promise.all(stopped.map((worker) => worker.drain()));
    },
    async stop() {
      await api?.close();
      await stack.stopWorker();
      await removeStanding(temporal, names);
      await temporal.close();
      await db.close();
      await database.drop();
    },
  };
  if (options.worker !== false) await stack.startWorker();
  if (options.api) {
    api = await startApi({
      settings,
      db,
      databaseUrl,
      client: temporal.client,
      names,
      eagerStart: true,
      ...(observability && { observability }),
      workerMetrics: stack.workerMetrics,
      log,
    });
    stack.url = `${api.url}/api/v1`;
  }
  return stack;
}

/** A schedule left behind would start workflows that nobody works on, and the dispatcher never ends by itself. */
async function removeStanding({ client }: TemporalLink, names: EngineNames): Promise<void> {
  await Promise.allSettled([
    ...Object.keys(SCHEDULES).map((name) => client.schedule.getHandle(names.scheduleId(name)).delete()),
    client.workflow.getHandle(names.dispatcherWorkflowId).terminate(),
    client.workflow.getHandle(names.reservationExpiryWorkflowId).terminate(),
  ]);
}
