import { createLogger } from '../platform/telemetry/log';
import type { Settings } from '../platform/config';
import { engineNames } from '../workflows/contract/names';
import { withHomeSecrets } from './home-secrets';
import type { Output } from './output';
import { lazyTemporalPart, openDatabasePart, startApiPart, stopSeconds } from './service-parts';
import { logSettingWarnings } from './setting-warnings';
import { locateDatabase, locateTemporal } from './servers';
import { runService } from './service';

/** `holdfast api`: HTTP alone. Starts although PostgreSQL or Temporal is away, and responds with 503 until they are there. */
export async function runApi(given: Settings, output: Output): Promise<number> {
  const settings = await withHomeSecrets(given);
  const log = createLogger(settings.LOG_LEVEL, 'holdfast-api');
  const databaseUrl = await locateDatabase(settings);
  const target = await locateTemporal(settings);
  return runService({ log, stopSeconds: stopSeconds(settings) }, async (service) => {
    logSettingWarnings(settings, log);
    const around = { service, settings, log };
    const db = openDatabasePart(around, databaseUrl);
    const { client } = lazyTemporalPart(around, target);
    const url = await startApiPart(around, {
      db,
      databaseUrl,
      client,
      names: engineNames(),
      eagerStart: false,
    });
    log.info({ url }, 'the API listens');
    output.json({ url });
    await service.untilStopping();
    return 0;
  });
}
