import { rebuildReports } from '../domain/reports/sums';
import type { Settings } from '../platform/config';
import { openDatabase } from '../platform/database/database';
import { createLogger } from '../platform/telemetry/log';
import type { Output } from './output';
import { locateDirectDatabase } from './servers';

/** `holdfast reports rebuild`: removes the sums of reports; workers make them anew. */
export async function runReportsRebuild(settings: Settings, output: Output): Promise<number> {
  const url = await locateDirectDatabase(settings);
  const log = createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT });
  const db = openDatabase({ url, poolSize: 1, log });
  try {
    await rebuildReports(db);
    output.line(
      'The sums of reports are removed. A worker makes them anew; until then reports are refused (503).',
    );
    output.json({ rebuilding: true });
  } finally {
    await db.close();
  }
  return 0;
}
