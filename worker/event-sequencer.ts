import { numberEvents, type SequencerOptions } from '../domain/event-log/sequencer';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { takeTurns, type Turns } from './turns';

/** What comes between two turns is numbered together, so that the cost does not grow with the rate. */
const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 400;

/** Numbers events as long as the process runs. Each worker has one: they take turns. */
export function startEventSequencer({
  db,
  log,
  ...options
}: { db: Database; log: Logger } & Pick<SequencerOptions, 'onNumbered'>): Turns {
  return takeTurns({
    async take() {
      const { numbered, hasMore } = await numberEvents(db, options);
      return { found: numbered > 0, hasMore };
    },
    pauseMs: PAUSE_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
    log,
    failure: 'events could not be numbered; it is tried again',
  });
}
