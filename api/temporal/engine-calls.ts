import type { Client } from '@temporalio/client';
import { withTimeout } from '../../platform/with-timeout';

export interface EngineCalls {
  /**
   * A call that has answered or failed after `ms` milliseconds. One that is given up goes on behind our back: whether it
   * arrived is then unknown.
   */
  within<T>(ms: number, call: () => Promise<T>): Promise<T>;
  /** Resolves when no call is on its way, also none that was given up; after `ms` milliseconds at the latest. */
  idle(ms: number): Promise<void>;
}

/**
 * Calls to the engine, each with a deadline that holds. The gRPC deadline alone does not: a native connection applies it to
 * each of its own retries (measured: 5.9 s with a deadline of 1.5 s and nobody there). And whoever closes the connection
 * must know that nothing uses it: the other kind of connection, when it retries on a closed channel, throws from a timer,
 * which ends the process.
 */
export function createEngineCalls(client: Client): EngineCalls {
  const open = new Set<Promise<unknown>>();

  return {
    async within<T>(ms: number, call: () => Promise<T>): Promise<T> {
      const answer = client.withDeadline(Date.now() + ms, call);
      // Its failure after we gave up is nobody's.
      const ended = answer.then(
        () => undefined,
        () => undefined,
      );
      open.add(ended);
      void ended.then(() => open.delete(ended));
      return before(ms, answer);
    },
    async idle(ms) {
      await before(ms, Promise.all(open)).catch(() => undefined);
    },
  };
}

async function before<T>(ms: number, answer: Promise<T>): Promise<T> {
  const result = await withTimeout(answer, ms);
  if (result === 'late') throw new Error(`the workflow engine gave no answer in ${ms} ms`);
  return result;
}
