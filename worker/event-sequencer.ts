import { numberEvents, type SequencerOptions } from '../domain/event-log/sequencer';
import { createAutoResetEvent } from '../platform/auto-reset-event';
import { backoffMs, type Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';

export interface EventSequencer {
  /** Resolves when no turn is under way; there is none after it. */
  stop(): Promise<void>;
}

/** Between two turns: what comes meanwhile is numbered together, so that the cost does not grow with the rate. */
const PAUSE_MS = 100;
/** After turns that found nothing, each twice the one before, up to this. */
const LONGEST_PAUSE_MS = 400;

/**
 * Numbers events as long as the process runs. Each worker has one: they take turns, and while PostgreSQL is away they try again with
 * backoff.
 */
export function startEventSequencer({
  db,
  log,
  ...options
}: { db: Database; log: Logger } & Pick<SequencerOptions, 'onNumbered'>): EventSequencer {
  const wake = createAutoResetEvent();
  let stopping = false;

  async function run(): Promise<void> {
    let pauseMs = PAUSE_MS;
    let failures = 0;
    while (!stopping) {
      try {
        const { numbered, hasMore } = await numberEvents(db, options);
        failures = 0;
        pauseMs = numbered > 0 ? PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        if (!hasMore) await wake.wait(pauseMs);
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, 'events could not be numbered; it is tried again');
        await wake.wait(backoffMs(failures, PAUSE_MS, 2_000));
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
