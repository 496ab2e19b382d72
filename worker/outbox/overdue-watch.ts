import type { Logger } from '../../platform/telemetry/log';

export interface OverdueWatch {
  /** Resolves when no look is under way; there is none after it. */
  stop(): Promise<void>;
}

/**
 * Looks every `everyMs` milliseconds whether something is overdue, and triggers its receiver then. One look at a time; one
 * that fails is logged, and the next one comes.
 */
export function watchOverdue(options: {
  topic: string;
  everyMs: number;
  look(): Promise<boolean>;
  trigger(): Promise<void>;
  log: Logger;
}): OverdueWatch {
  const { topic, everyMs, look, trigger, log } = options;
  let looking: Promise<void> | undefined;

  async function lookOnce(): Promise<void> {
    try {
      if (await look()) await trigger();
    } catch (error) {
      log.debug({ err: error, topic }, 'it could not be looked for what is overdue');
    } finally {
      looking = undefined;
    }
  }

  const timer = setInterval(() => {
    looking ??= lookOnce();
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}
