/** How fast a queue moves while it is full, and after how long a request that it refuses should be sent again. */
export interface RetryAfterEstimate {
  /** The queue is nearly full from now on: measuring begins. Does nothing if it has begun. */
  start(): void;
  /** A turn ended and made room. */
  turnEnded(): void;
  /** There is room again: what was measured is dropped, since it no longer says how fast the queue could move. */
  stop(): void;
  /** How long so many turns take, in milliseconds; null while too few were measured. */
  expectedMs(turns: number): number | null;
  /** Seconds for `Retry-After`, in whole seconds from 1 to 30. */
  retryAfterSeconds(): number;
}

/** Turns by which the speed is measured: few enough to follow a change within seconds. */
const WINDOW = 256;
/** With fewer than this there is no estimate. */
const ENOUGH = 8;
const LONGEST_MS = 30_000;
/** The first turns began together, so none ends for a while: only after this the queue counts as standing still. */
const STANDSTILL_MS = 5_000;

/**
 * Each refused request is given its own time to be sent again, one after the other at the speed at which the queue moves. So
 * clients come back as fast as they can be served, instead of all of them every second: refusing those again would take what
 * the requests under way need.
 *
 * @param assumedPerSecond the speed until one was measured.
 */
export function createRetryAfterEstimate(
  assumedPerSecond: number,
  now: () => number = () => performance.now(),
): RetryAfterEstimate {
  /** When measuring began. */
  let since: number | null = null;
  /** When the last turns ended. */
  let turnEnds: number[] = [];
  /** The time that the last refused request was given. */
  let lastTurn = 0;

  function perMs(): number {
    const assumed = assumedPerSecond / 1_000;
    const at = now();
    const [first = at] = turnEnds;
    if (turnEnds.length >= ENOUGH) return turnEnds.length / Math.max(1, at - first);
    if (since === null || at - since < STANDSTILL_MS) return assumed;
    return Math.min(assumed, (turnEnds.length + 1) / (at - since));
  }

  return {
    start() {
      since ??= now();
    },
    turnEnded() {
      if (since === null) return;
      turnEnds.push(now());
      if (turnEnds.length > WINDOW) turnEnds.shift();
    },
    stop() {
      since = null;
      turnEnds = [];
    },
    expectedMs: (turns) => (turnEnds.length < ENOUGH ? null : turns / perMs()),
    retryAfterSeconds() {
      const at = now();
      lastTurn = Math.min(Math.max(lastTurn, at) + 1 / perMs(), at + LONGEST_MS);
      // Whole milliseconds: a sum of fractions may exceed the whole second that was meant.
      return Math.ceil(Math.round(lastTurn - at) / 1_000);
    },
  };
}
