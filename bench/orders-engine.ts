import { randomBytes } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { startApi } from '../api/server';
import { createSandboxCarrier } from '../integrations/sandbox-carrier/carrier';
import { postEvents } from '../integrations/sandbox-carrier/entry';
import type { CarrierEvent } from '../domain/fulfilment/types';
import { withBreaker } from '../integrations/gateway-breaker';
import { createGatewayMetrics } from '../integrations/gateway-metrics';
import { onlyGateway } from '../integrations/gateways';
import { openFileStore } from '../integrations/file-store/open';
import { openWebhookSender } from '../integrations/webhook-sender/open';
import { createSandboxGateway } from '../integrations/sandbox-gateway/gateway';
import { readSettings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { connectTemporal, installTemporalRuntime } from '../platform/temporal/connection';
import { webhookSecretOf } from '../platform/webhook-signature';
import { createMetricsRegistry } from '../platform/telemetry/metrics';
import { ensureSearchAttributes } from '../platform/temporal/namespace';
import { createWorkerDeployments } from '../platform/temporal/deployments';
import { makeCurrent, ownBuild } from '../worker/deployment';
import { startWorker } from '../worker/worker';
import { engineNames } from '../workflows/contract/names';
import { insertBenchKey } from './access-key';
import { stockUp } from './reserve-interactive';
import { startBenchPostgres, startBenchTemporal } from './servers';
import { createTextbookActivities } from './textbook/activities';

export interface BenchEngine {
  client: Client;
  db: Database;
  /** Of the API. */
  url: string;
  /** Where the empty workflow and the textbook saga run. */
  queue: string;
  orderHandle(orderId: string): WorkflowHandle;
  /** Brings the planner's statistics up to date, as autovacuum does in service. */
  analyze(): Promise<unknown>;
  lastOrderId: string;
  stop(): Promise<void>;
}

/** Signs the sandbox carrier's updates. */
const SECRET = webhookSecretOf(randomBytes(32));

/** The whole product in this process on fresh servers, as `npm start` runs it, and a worker for what it is compared with. */
export async function startBenchEngine(skus: number): Promise<BenchEngine> {
  const postgres = await startBenchPostgres();
  const { log, url: databaseUrl } = postgres;
  const server = await startBenchTemporal(postgres);
  installTemporalRuntime(log);
  const settings = {
    ...readSettings({ CARRIER_WEBHOOK_SECRETS: `sandbox=${SECRET}` }),
    PORT: 0,
    SANDBOX_CARRIER_DELAY_MS: 0,
  };
  const { client, connection, namespace, close } = await connectTemporal(settings, {
    address: server.address,
    log,
  });
  await ensureSearchAttributes(connection, namespace);
  const db = openDatabase({ url: databaseUrl, poolSize: settings.DATABASE_POOL_SIZE, log });
  await stockUp(db, skus);
  const names = engineNames();
  await insertBenchKey(db.pool);
  const api = await startApi({ settings, db, databaseUrl, client, names, eagerStart: true, log });

  const waiting = new Map<string, string>();
  const deliver = (events: readonly CarrierEvent[]) =>
    deliverEvents(events, { client, waiting, url: api.url });
  const gateway = createSandboxGateway({
    url: databaseUrl,
    log,
    callTimeoutMs: settings.PAYMENT_CALL_TIMEOUT_MS,
  });
  const carrier = createSandboxCarrier({ url: databaseUrl, stageDelayMs: 0, deliver, log });
  const callTimeoutMs = settings.PAYMENT_CALL_TIMEOUT_MS;
  const metrics = createMetricsRegistry('worker');
  const guarded = withBreaker(gateway, { callTimeoutMs, log, metrics: createGatewayMetrics(metrics) });
  const worker = await startWorker({
    settings,
    db,
    databaseUrl,
    connection,
    client,
    namespace,
    names,
    log,
    metrics,
    integrations: {
      gateways: onlyGateway(guarded),
      carriers: [carrier],
      sendWebhook: openWebhookSender(settings),
      files: openFileStore(settings),
      mailer: null,
    },
  });
  worker.failed.catch((error: unknown) => log.error({ err: error }, 'the worker failed'));
  await makeCurrent(createWorkerDeployments(connection, namespace), {
    names,
    buildId: await ownBuild(settings),
    seconds: 30,
  });
  const queue = 'textbook';
  const textbook = await Worker.create({
    connection,
    namespace,
    taskQueue: queue,
    workflowsPath: require.resolve('./textbook/workflows'),
    activities: createTextbookActivities({
      db,
      gateway,
      carrier,
      expectPickUp: (shipmentId, workflowId) => waiting.set(shipmentId, workflowId),
    }),
    maxConcurrentWorkflowTaskExecutions: settings.ADMISSION_LIMIT,
  });
  const textbookRun = textbook.run();

  return {
    client,
    db,
    url: api.url,
    queue,
    analyze: () => db.pool.query('analyze'),
    orderHandle: (orderId) => client.workflow.getHandle(names.orderWorkflowId(orderId)),
    lastOrderId: '',
    async stop() {
      await worker.stopReports();
      await api.close();
      textbook.shutdown();
      await textbookRun;
      await worker.drain();
      await close();
      await db.close();
      await server.stop();
      await postgres.stop();
    },
  };
}

/** One carrier serves both: the textbook's shipments are reported by a signal each, the product's through its webhook. */
async function deliverEvents(
  events: readonly CarrierEvent[],
  to: { client: Client; waiting: Map<string, string>; url: string },
): Promise<readonly string[]> {
  const others: CarrierEvent[] = [];
  const signals: Promise<void>[] = [];
  for (const event of events) {
    const workflowId = to.waiting.get(event.shipmentId);
    if (workflowId === undefined) others.push(event);
    else if (event.type === 'picked_up')
      signals.push(to.client.workflow.getHandle(workflowId).signal('pickedUp'));
  }
  await Promise.all(signals);
  if (others.length === 0) return [];
  return postEvents(`${to.url}/api/v1/carriers/sandbox/events`, [SECRET], others);
}
