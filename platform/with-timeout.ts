import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits for `work` for at most `ms` milliseconds. Work that takes longer goes on; its outcome is ignored.
 *
 * @returns what `work` resolves to, or `late` after `ms` milliseconds
 * @throws what `work` throws in time
 */
export async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T | 'late'> {
  const timer = new AbortController();
  try {
    return await Promise.race([work, delay(ms, 'late' as const, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
