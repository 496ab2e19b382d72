import { createAutoResetEvent } from '../platform/auto-reset-event';
import { backoffMs } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';

export interface Turns {
  /** Resolves when no turn is under way; there is none after it. */
  stop(): Promise<void>;
}

export interface TurnsOptions {
  /** `found`: there was something to do; `hasMore`: the next turn is to come at once. */
  take(): Promise<{ found: boolean; hasMore: boolean }>;
  /** Milliseconds between two turns: what comes meanwhile is done together. */
  pauseMs: number;
  /** After turns that found nothing, each pause twice the one before, up to this. */
  longestPauseMs: number;
  log: Logger;
  /** What is logged when a turn fails. */
  failure: string;
}

const LONGEST_BACKOFF_MS = 2_000;

/** Takes turns as long as the process runs. One that fails, as while PostgreSQL is away, is tried again with backoff. */
export function takeTurns({ take, pauseMs, longestPauseMs, log, failure }: TurnsOptions): Turns {
  const wake = createAutoResetEvent();
  let stopping = false;

  async function run(): Promise<void> {
    let pause = pauseMs;
    let failures = 0;
    while (!stopping) {
      try {
        const { found, hasMore } = await take();
        failures = 0;
        pause = found ? pauseMs : Math.min(pause * 2, longestPauseMs);
        if (!hasMore) await wake.wait(pause);
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, failure);
        await wake.wait(backoffMs(failures, pauseMs, Math.max(pauseMs, LONGEST_BACKOFF_MS)));
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
