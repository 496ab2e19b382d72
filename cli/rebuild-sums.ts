import type { Settings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { createLogger } from '../platform/telemetry/log';
import type { Output } from './output';
import { locateDirectDatabase } from './servers';

/** Has sums begin anew, which workers make, and says so. */
export async function rebuildSums(
  settings: Settings,
  output: Output,
  { rebuild, told }: { rebuild(db: Database): Promise<void>; told: string },
): Promise<number> {
  const url = await locateDirectDatabase(settings);
  const log = createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT });
  const db = openDatabase({ url, poolSize: 1, log });
  try {
    await rebuild(db);
    output.line(told);
    output.json({ rebuilding: true });
  } finally {
    await db.close();
  }
  return 0;
}
