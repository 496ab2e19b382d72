import { areReportsBuilding, reportsBehindSeconds } from '../domain/reports/sums';
import type { Settings } from '../platform/config';
import { openDatabase } from '../platform/database/database';
import { createLogger } from '../platform/telemetry/log';
import type { Finding } from './doctor-checks';
import { errorText } from './error-text';
import { locateDirectDatabase } from './servers';

/** As the rule HoldfastReportsBehind. */
const BEHIND_SECONDS = 900;

/** Whether the sums of reports are kept. */
export async function checkReports(settings: Settings): Promise<Finding[]> {
  const url = await locateDirectDatabase(settings);
  const db = openDatabase({ url, poolSize: 1, log: createLogger('silent') });
  const name = 'Reports';
  try {
    const seconds = Math.round(await reportsBehindSeconds(db));
    const what = (await areReportsBuilding(db)) ? 'sums are made anew since' : 'sums are behind by';
    if (seconds <= BEHIND_SECONDS)
      return [{ name, ok: true, detail: seconds === 0 ? 'sums have all' : `${what} ${seconds} s` }];
    const advice =
      'holdfast doctor worker tells whether a worker runs; its log tells why its turns fail (docs/operations.md#reports-fall-behind)';
    return [{ name, ok: false, detail: `${what} ${seconds} s`, advice }];
  } catch (error) {
    return [{ name, ok: false, detail: `not known: ${errorText(error)}` }];
  } finally {
    await db.close();
  }
}
