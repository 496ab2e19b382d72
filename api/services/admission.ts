import { overloaded } from '../http/problems';
import { createRetryAfterEstimate } from './retry-after-estimate';

export interface AdmissionOptions {
  /** What is admitted, as a refusal names it: `orders`. */
  what: string;
  /** How many are under way at once. */
  limit: number;
  /** How many may wait for their turn. */
  queue: number;
  /** How long one may wait, in milliseconds. */
  maxWaitMs: number;
}

export interface Admission {
  /**
   * Runs `work` when its turn comes, first come, first served.
   *
   * @throws AppError `OVERLOADED` when the queue is full, or the turn did not come in time or cannot by the speed at which
   *   turns end; `work` was then never begun.
   * @throws Error when the caller gave up while waiting; `work` was then never begun either.
   */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** True while the queue is full: for the very beginning of a request, before anything is spent on it. */
  readonly full: boolean;
  /** The error for a request that the queue refuses. Its `retryAfter` depends on how many were refused before. */
  refusal(): Error;
  readonly running: number;
  readonly queued: number;
}

interface Waiter {
  admit(): void;
}

/** Keeps a burst from becoming thousands of sagas at once: what cannot be placed soon waits here or is refused. */
export function createAdmission(options: AdmissionOptions): Admission {
  // A Set keeps arrival order and gives up a waiter in constant time.
  const waiting = new Set<Waiter>();
  const retryAfterEstimate = createRetryAfterEstimate(options.limit);
  let running = 0;

  function isFull(): boolean {
    if (running < options.limit) return false;
    return (
      waiting.size >= options.queue ||
      (retryAfterEstimate.expectedMs(waiting.size + 1) ?? 0) > options.maxWaitMs
    );
  }

  function refusal(): Error {
    return overloaded(
      `Too many ${options.what} are waiting for their turn.`,
      retryAfterEstimate.retryAfterSeconds(),
    );
  }

  function turn(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(clientLeft());
    if (running < options.limit) {
      running++;
      return Promise.resolve();
    }
    retryAfterEstimate.start();
    if (isFull()) return Promise.reject(refusal());
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiting.delete(waiter);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        leave();
        reject(clientLeft());
      };
      const timer = setTimeout(() => {
        leave();
        reject(refusal());
      }, options.maxWaitMs);
      const waiter: Waiter = {
        // The place is handed over, not freed: no later request can overtake.
        admit() {
          leave();
          resolve();
        },
      };
      waiting.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  function leaveTurn(): void {
    const [next] = waiting;
    if (next) {
      retryAfterEstimate.turnEnded();
      next.admit();
    } else {
      retryAfterEstimate.stop();
      running--;
    }
  }

  return {
    async run(signal, work) {
      await turn(signal);
      try {
        return await work();
      } finally {
        leaveTurn();
      }
    },
    get full() {
      return isFull();
    },
    refusal,
    get running() {
      return running;
    },
    get queued() {
      return waiting.size;
    },
  };
}

/** The client does not get it: the connection is closed. */
function clientLeft(): Error {
  return new Error('the client left before its turn came');
}
