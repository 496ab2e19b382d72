import type { IBreaker } from 'cockatiel';

export interface RecentFailuresOptions {
  /** Calls of so many milliseconds are looked at. */
  windowMs: number;
  /** So few calls say nothing. */
  leastCalls: number;
  /** Above 0, below 1: the share of failures beyond which the breaker opens. */
  share: number;
}

const SLOTS = 30;

/**
 * Opens a circuit breaker when more than a share of the recent calls failed. (cockatiel's own `SamplingBreaker` drops one old
 * window with each call, so where calls are few it still counts those of hours ago.)
 */
export function recentFailures({ windowMs, leastCalls, share }: RecentFailuresOptions): IBreaker {
  let slots: { startedAt: number; calls: number; failures: number }[] = [];

  function count(failures: 0 | 1): void {
    const now = Date.now();
    // Also without those of a clock that was set back.
    slots = slots.filter(({ startedAt }) => startedAt <= now && now - startedAt < windowMs);
    let slot = slots.at(-1);
    if (!slot || now - slot.startedAt >= windowMs / SLOTS) {
      slot = { startedAt: now, calls: 0, failures: 0 };
      slots.push(slot);
    }
    slot.calls += 1;
    slot.failures += failures;
  }

  return {
    // Kept by the process only.
    state: undefined,
    success() {
      count(0);
    },
    failure() {
      count(1);
      const calls = slots.reduce((sum, slot) => sum + slot.calls, 0);
      const failures = slots.reduce((sum, slot) => sum + slot.failures, 0);
      const opens = calls >= leastCalls && failures > share * calls;
      // What led to it is not counted again once the breaker has closed.
      if (opens) slots = [];
      return opens;
    },
  };
}
