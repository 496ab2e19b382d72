import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleAll } from 'cockatiel';

export interface FeedThrottleOptions {
  /** Rows of a batch at most. */
  maxRows: number;
  /** A batch should take no longer, milliseconds. */
  slowMs: number;
  /** How long the breaker stays open before it lets one batch try, milliseconds. */
  pauseMs: number;
  /** Milliseconds that have passed since some time. */
  now?: () => number;
}

/** How fast batches may go to the database: smaller ones while it is slow, none for a while when that does not help. */
export interface FeedThrottle {
  /** Rows that the next batch should have. */
  readonly rows: number;
  /** @throws what `batch` throws; `BrokenCircuitError` while the breaker is open: nothing was tried. */
  run<T>(batch: (rows: number) => Promise<T>): Promise<T>;
}

const MIN_ROWS = 500;
/** Batches in a row, over all lanes, that must fail or be slow at the smallest size before the breaker opens. */
const FAILURES = 3;

/**
 * A batch that takes longer than `slowMs` halves the next ones, one that takes less than half of it doubles them. Errors and
 * batches that are slow at the smallest size count against the circuit breaker: it opens, and half-opens after `pauseMs`.
 */
export function createFeedThrottle(options: FeedThrottleOptions): FeedThrottle {
  const { maxRows, slowMs, pauseMs, now = () => performance.now() } = options;
  const minRows = Math.min(MIN_ROWS, maxRows);
  const breaker = circuitBreaker(
    handleAll.orWhenResult((result) => isTimed(result) && result.tooSlow),
    {
      breaker: new ConsecutiveBreaker(FAILURES),
      halfOpenAfter: pauseMs,
    },
  );
  let rows = maxRows;

  return {
    get rows() {
      return rows;
    },
    async run(batch) {
      const timed = await breaker.execute(async () => {
        const asked = rows;
        const begun = now();
        try {
          const value = await batch(asked);
          const ms = now() - begun;
          if (ms > slowMs) rows = Math.max(minRows, Math.floor(asked / 2));
          else if (ms < slowMs / 2) rows = Math.min(maxRows, Math.max(rows, asked * 2));
          return { value, tooSlow: ms > slowMs && asked <= minRows };
        } catch (error) {
          rows = minRows;
          throw error;
        }
      });
      return timed.value;
    },
  };
}

function isTimed(result: unknown): result is { tooSlow: boolean } {
  return typeof result === 'object' && result !== null && 'tooSlow' in result;
}

export function isPaused(error: unknown): boolean {
  return error instanceof BrokenCircuitError;
}
