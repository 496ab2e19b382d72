import { withTimeout } from '../with-timeout';

/** How long a call to Temporal may take, milliseconds: the one policy for every process. */
export const DEADLINES_MS = {
  /** Whether the server is there. With it a 503 is sent well within five seconds. */
  probe: 1_500,
  /** What the server does by itself: start, signal or describe a workflow, read a setting. */
  call: 5_000,
  /** What takes several steps: an update waits for a worker, a schedule or a search attribute for other services. */
  slowCall: 10_000,
} as const;

/** A client or a connection: what is called inside `withDeadline` gets a gRPC deadline. */
export interface Deadlined {
  withDeadline<T>(deadline: number, call: () => Promise<T>): Promise<T>;
}

/** Temporal has not returned in time. Whether the call arrived is unknown. */
export class EngineTimeoutError extends Error {
  override readonly name = 'EngineTimeoutError';

  constructor(ms: number) {
    super(`the workflow engine gave no answer in ${ms} ms`);
  }
}

/**
 * A call that has returned or failed after `ms` milliseconds. The gRPC deadline alone is not enough: a native connection
 * applies it to each of its own retries (measured: 5.9 s with a deadline of 1.5 s and no server). A call that is given up goes
 * on unobserved.
 *
 * @throws EngineTimeoutError, and what the call throws in time
 */
export async function boundedCall<T>(on: Deadlined, ms: number, call: () => Promise<T>): Promise<T> {
  const result = await withTimeout(on.withDeadline(Date.now() + ms, call), ms);
  if (result === 'late') throw new EngineTimeoutError(ms);
  return result;
}
