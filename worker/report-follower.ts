import { followSales } from '../domain/reports/sums';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { takeTurns, type Turns } from './turns';

/** A report reads what is not in the sums yet by itself: they may be some seconds behind. */
const PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 8_000;

/** Keeps the sums of reports as long as the process runs. Each worker has one: they take turns. */
export function startReportFollower({ db, log }: { db: Database; log: Logger }): Turns {
  return takeTurns({
    take: () => followSales(db),
    pauseMs: PAUSE_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
    log,
    failure: 'what was sold could not be summed; it is tried again',
  });
}
