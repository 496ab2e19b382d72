import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../platform/telemetry/log';

/** Something that Holdfast is to be told of. */
export interface Notice {
  /** Milliseconds until it happens; zero or less: it has. */
  msLeft: number;
  /** Tells of it, and notes that it was told. Safe to repeat. */
  tell(): Promise<void>;
}

/** Tells of notices when they happen. Works only while there are any. */
export interface Teller {
  /** There is a new one. */
  wake(): void;
  /** Goes on with those of a process that is gone. */
  resume(): void;
  /** Resolves when nothing is under way any more. */
  ended(): Promise<void>;
}

const RETRY_MS = 1_000;

/** Notices are rows, so one that a killed process has not told is told by the next. */
export function createTeller({
  next,
  what,
  log,
  closing,
}: {
  /** The one that happens next, of those that are to be told. */
  next(): Promise<Notice | undefined>;
  /** What it tells of, for the log. */
  what: string;
  log: Logger;
  closing: AbortSignal;
}): Teller {
  let running: Promise<void> | undefined;
  let isResumed = false;
  /** One was added since it was last looked. */
  let isNew = false;

  async function tellNext(): Promise<boolean> {
    const notice = await next();
    if (!notice) return false;
    if (notice.msLeft > 0) await delay(notice.msLeft, undefined, { signal: closing });
    await notice.tell();
    return true;
  }

  async function run(): Promise<void> {
    for (let goesOn = true; (goesOn || isNew) && !closing.aborted;) {
      isNew = false;
      goesOn = await tellNext().catch(async (error: unknown) => {
        if (closing.aborted) return false;
        log.warn({ err: error }, `the sandbox gateway could not tell of ${what}; it tries again`);
        await delay(RETRY_MS, undefined, { signal: closing }).catch(() => undefined);
        return true;
      });
    }
    running = undefined;
  }

  return {
    wake() {
      isNew = true;
      running ??= run();
    },
    resume() {
      if (isResumed) return;
      isResumed = true;
      running ??= run();
    },
    async ended() {
      await running;
    },
  };
}
