import { Context } from '@temporalio/activity';

/** Well within any heartbeat timeout; the SDK sends fewer where that is enough. */
const HEARTBEAT_MS = 1_000;

/**
 * Runs work and sends heartbeats meanwhile, so that a dead worker is noticed within the heartbeat timeout. A
 * cancelled activity ends at once: its work goes on, and the next attempt finds what it did.
 */
export async function heartbeating<T>(work: (beat: (details: unknown) => void) => Promise<T>): Promise<T> {
  const context = Context.current();
  let latest: unknown;
  const beat = (details: unknown) => {
    latest = details;
    context.heartbeat(latest);
  };
  const timer = setInterval(() => context.heartbeat(latest), HEARTBEAT_MS);
  try {
    return await Promise.race([work(beat), context.cancelled]);
  } finally {
    clearInterval(timer);
  }
}
