import { createLogger } from '../platform/telemetry/log';
import { createMetricsRegistry } from '../platform/telemetry/metrics';
import type { Settings } from '../platform/config';
import { engineNames } from '../workflows/contract/names';
import { withHomeSecrets } from './home-secrets';
import type { Output } from './output';
import {
  lazyTemporalPart,
  openDatabasePart,
  openObservabilityPart,
  startApiPart,
  stopSeconds,
} from './service-parts';
import { logSettingWarnings } from './setting-warnings';
import { locateDatabase, locateTemporal } from './servers';
import { runService } from './service';

/** `holdfast api`: HTTP alone. Starts although PostgreSQL or Temporal is away, and responds with 503 until they are there. */
export async function runApi(given: Settings, output: Output): Promise<number> {
  const settings = await withHomeSecrets(given);
  const log = createLogger(settings.LOG_LEVEL, 'holdfast-api', { format: settings.LOG_FORMAT });
  const databaseUrl = await locateDatabase(settings);
  const target = await locateTemporal(settings);
  return runService({ log, stopSeconds: stopSeconds(settings) }, async (service) => {
    logSettingWarnings(settings, log);
    const around = { service, settings, log };
    const registry = createMetricsRegistry('api');
    const observability = await openObservabilityPart(around, { part: 'api', registry });
    const db = openDatabasePart(around, { url: databaseUrl, observability });
    const { client } = lazyTemporalPart(around, observability, target);
    const url = await startApiPart(around, {
      db,
      databaseUrl,
      client,
      names: engineNames(),
      eagerStart: false,
      observability,
    });
    log.info({ url }, 'the API listens');
    output.json({ url });
    await service.untilStopping();
    return 0;
  });
}
