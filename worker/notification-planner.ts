import { planNotifications } from '../domain/notifications/plan';
import { createAutoResetEvent } from '../platform/auto-reset-event';
import { backoffMs, type Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';

export interface NotificationPlanner {
  /** Resolves when nothing is being planned; nothing is after it. */
  stop(): Promise<void>;
}

/** Between two looks for new events. */
const PAUSE_MS = 1_000;

/**
 * Tells people of events as long as the process runs. Each worker has one: they take turns, and while PostgreSQL is away they try again
 * with backoff.
 */
export function startNotificationPlanner({
  db,
  log,
  sendsMail,
}: {
  db: Database;
  log: Logger;
  sendsMail: boolean;
}): NotificationPlanner {
  const wake = createAutoResetEvent();
  let stopping = false;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping) {
      try {
        const { hasMore } = await planNotifications(db, { sendsMail });
        failures = 0;
        if (!hasMore) await wake.wait(PAUSE_MS);
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, 'people could not be told of events; it is tried again');
        await wake.wait(backoffMs(failures, PAUSE_MS, 30_000));
      }
    }
  }

  const running = run();
  return {
    async stop() {
      stopping = true;
      wake.set();
      await running;
    },
  };
}
