import { setTimeout as delay } from 'node:timers/promises';

/** Asks again until the answer is truthy, and answers it. Fails after `deadlineMs` with the last answer or error. */
export async function waitFor<T>(ask: () => Promise<T> | T, deadlineMs = 60_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`Still not so after ${deadlineMs} ms: ${String(last)}`, { cause: last });
    await delay(20);
  }
}
