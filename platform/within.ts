import { setTimeout as delay } from 'node:timers/promises';

/**
 * What `work` answers, or `late` once it has taken longer than `ms`; it goes on then, and how it ends is nobody's business.
 *
 * @throws what `work` throws in time
 */
export async function within<T>(work: Promise<T>, ms: number): Promise<T | 'late'> {
  const timer = new AbortController();
  try {
    return await Promise.race([work, delay(ms, 'late' as const, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
