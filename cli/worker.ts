import type { Settings } from '../platform/config';
import { createLogger } from '../platform/telemetry/log';
import { addProcessMetrics, createMetricsRegistry } from '../platform/telemetry/metrics';
import { engineNames } from '../workflows/contract/names';
import { logBuild } from './build-in-use';
import { withHomeSecrets } from './home-secrets';
import type { Output } from './output';
import {
  connectTemporalPart,
  openDatabasePart,
  openObservabilityPart,
  prepareNamespace,
  serveAdminPart,
  startWorkerPart,
  stopSeconds,
} from './service-parts';
import { logSettingWarnings } from './setting-warnings';
import { locateDatabase, locateTemporal } from './servers';
import { runService } from './service';

/** `holdfast worker`: runs the orders, without HTTP. */
export async function runWorker(given: Settings, output: Output): Promise<number> {
  const settings = await withHomeSecrets(given);
  const log = createLogger(settings.LOG_LEVEL, 'holdfast-worker', { format: settings.LOG_FORMAT });
  const databaseUrl = await locateDatabase(settings);
  const target = await locateTemporal(settings);
  return runService({ log, stopSeconds: stopSeconds(settings) }, async (service) => {
    // Stripe's webhook comes to the API, and its secret is set there.
    logSettingWarnings(settings, log, ['CARRIER_WEBHOOK_SECRETS', 'SMTP_URL']);
    const around = { service, settings, log };
    const metrics = createMetricsRegistry('worker');
    addProcessMetrics(metrics);
    const observability = await openObservabilityPart(around, { part: 'worker', registry: metrics });
    const db = openDatabasePart(around, { url: databaseUrl, observability });
    const temporal = await connectTemporalPart(around, observability, target);
    await prepareNamespace(around, temporal);
    service.stopping.throwIfAborted();
    const admin = await serveAdminPart(around, { databaseUrl, temporal, metrics });
    const names = engineNames();
    await startWorkerPart(around, { db, databaseUrl, temporal, names, metrics, observability });
    admin.started();
    await logBuild({ settings, temporal, names }, log);
    log.info('the worker polls');
    output.json({ queues: [names.ordersQueue, names.paymentsQueue, names.jobsQueue] });
    await service.untilStopping();
    return 0;
  });
}
