/** How fast a queue moves while it is full, and when those whom it turns away should come again. */
export interface RetryAfterEstimate {
  /** The queue is short of room from now on; nothing if it was before. */
  start(): void;
  /** Somebody's turn came or ended, and made room. */
  turnEnded(): void;
  /** There is room again: what was measured no longer says how fast the queue could move. */
  stop(): void;
  /** How long so many turns take, in milliseconds; null while too few were seen to tell. */
  expectedMs(turns: number): number | null;
  /** Seconds for `Retry-After`, in whole seconds from 1 to 30. */
  retryAfterSeconds(): number;
}

/** Turns by which the speed is measured: few enough to follow a change within seconds. */
const WINDOW = 256;
/** With fewer than this nothing is foretold. */
const ENOUGH = 8;
const LONGEST_MS = 30_000;
/** The first turns that are seen began together, so none ends for a while: only after this is it taken for a queue that stands. */
const STANDS_MS = 5_000;

/**
 * Everybody who is turned away is given a turn of his own to come again, one after the other at the speed at which the queue
 * moves. So a crowd comes back as fast as it can be served, instead of all of it every second: answering those would take
 * what the requests under way need, and who gets in would be luck.
 *
 * @param assumedPerSecond the speed until something was seen.
 */
export function createRetryAfterEstimate(
  assumedPerSecond: number,
  now: () => number = () => performance.now(),
): RetryAfterEstimate {
  /** When the queue became short of room. */
  let since: number | null = null;
  /** When the last turns ended. */
  let moves: number[] = [];
  /** When the last one who was turned away was told to come. */
  let lastTurn = 0;

  function perMs(): number {
    const assumed = assumedPerSecond / 1_000;
    const at = now();
    const [first = at] = moves;
    if (moves.length >= ENOUGH) return moves.length / Math.max(1, at - first);
    if (since === null || at - since < STANDS_MS) return assumed;
    return Math.min(assumed, (moves.length + 1) / (at - since));
  }

  return {
    start() {
      since ??= now();
    },
    turnEnded() {
      if (since === null) return;
      moves.push(now());
      if (moves.length > WINDOW) moves.shift();
    },
    stop() {
      since = null;
      moves = [];
    },
    expectedMs: (turns) => (moves.length < ENOUGH ? null : turns / perMs()),
    retryAfterSeconds() {
      const at = now();
      lastTurn = Math.min(Math.max(lastTurn, at) + 1 / perMs(), at + LONGEST_MS);
      // Whole milliseconds: a sum of fractions may be a hair more than the second that was meant.
      return Math.ceil(Math.round(lastTurn - at) / 1_000);
    },
  };
}
