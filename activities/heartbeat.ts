import { Context } from '@temporalio/activity';

/** Well within any heartbeat timeout; the SDK sends fewer where that is enough. */
const HEARTBEAT_MS = 1_000;

/**
 * Runs work and sends heartbeats meanwhile, so that a dead worker is noticed within the heartbeat timeout.
 *
 * @param onBeat called at each heartbeat; what it returns is what the next attempt is told, should this one die
 */
export async function withHeartbeats<T>(
  work: () => Promise<T>,
  onBeat: () => unknown = () => undefined,
): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(onBeat()), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/**
 * The same for work that tells of its progress. A cancelled activity ends at once: its work goes on, and the next attempt finds what
 * it did.
 */
export function heartbeating<T>(work: (beat: (details: unknown) => void) => Promise<T>): Promise<T> {
  const context = Context.current();
  let latest: unknown;
  const beat = (details: unknown) => {
    latest = details;
    context.heartbeat(latest);
  };
  return withHeartbeats(
    () => Promise.race([work(beat), context.cancelled]),
    () => latest,
  );
}

/**
 * Runs work with heartbeats, and asks at each whether it is still wanted. Its signal is aborted when it is not, and when the activity is
 * cancelled in the engine or its worker shuts down.
 */
export function whileWanted<T>(
  work: (signal: AbortSignal) => Promise<T>,
  isUnwanted: () => Promise<boolean>,
): Promise<T> {
  const unwanted = new AbortController();
  const signal = AbortSignal.any([Context.current().cancellationSignal, unwanted.signal]);
  return withHeartbeats(
    () => work(signal),
    () => {
      // A database that is away is noticed by the work itself.
      isUnwanted().then(
        (is) => is && unwanted.abort(),
        () => undefined,
      );
    },
  );
}
