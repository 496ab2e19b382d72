import { planNotifications } from '../domain/notifications/plan';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { takeTurns, type Turns } from './turns';

/** Between two looks for new events. */
const PAUSE_MS = 1_000;

/** Tells people of events as long as the process runs. Each worker has one: they take turns. */
export function startNotificationPlanner({
  db,
  log,
  sendsMail,
}: {
  db: Database;
  log: Logger;
  sendsMail: boolean;
}): Turns {
  return takeTurns({
    async take() {
      const { events, hasMore } = await planNotifications(db, { sendsMail });
      return { found: events > 0, hasMore };
    },
    pauseMs: PAUSE_MS,
    longestPauseMs: PAUSE_MS,
    log,
    failure: 'people could not be told of events; it is tried again',
  });
}
