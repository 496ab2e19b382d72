import { setTimeout as delay } from 'node:timers/promises';

const SOONEST_MS = 20;
const LATEST_MS = 250;
/** Between two questions passes so much of the time already waited: a long wait costs the machine little. */
const SHARE = 0.05;

/**
 * Asks again until the result is truthy, and returns it: every 20 ms at first, every 250 ms at last. Fails after `deadlineMs`
 * with the last result or error.
 */
export async function waitFor<T>(ask: () => Promise<T> | T, deadlineMs = 60_000): Promise<NonNullable<T>> {
  const begun = Date.now();
  for (;;) {
    let last: unknown;
    try {
      const result = await ask();
      if (result) return result;
      last = result;
    } catch (error) {
      last = error;
    }
    const waited = Date.now() - begun;
    if (waited > deadlineMs)
      throw new Error(`Still not so after ${deadlineMs} ms: ${String(last)}`, { cause: last });
    await delay(Math.min(LATEST_MS, Math.max(SOONEST_MS, waited * SHARE)));
  }
}
