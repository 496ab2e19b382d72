import { followAnalytics } from '../domain/analytics/sums';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { takeTurns, type Turns } from './turns';

/** Who asks reads what is not in the sums yet as well: they may be some seconds behind. */
const PAUSE_MS = 3_000;
const LONGEST_PAUSE_MS = 10_000;

/** Keeps the sums of analytics as long as the process runs. Each worker has one: they take turns. */
export function startAnalyticsFollower({ db, log }: { db: Database; log: Logger }): Turns {
  return takeTurns({
    take: () => followAnalytics(db),
    pauseMs: PAUSE_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
    log,
    failure: 'what moved could not be summed for analytics; it is tried again',
  });
}
