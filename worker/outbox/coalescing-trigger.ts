import { setTimeout as delay } from 'node:timers/promises';

export interface CoalescingTrigger {
  /** Resolves when a call of the action that began after this call has returned; rejects when that call failed. */
  trigger(): Promise<void>;
}

/** Calls are counted over this long. */
const WINDOW_MS = 500;
/** Each of them adds so much to the pause between two actions. */
const PAUSE_PER_CALL_MS = 15;

/**
 * Runs an action at once while calls are few; the more there are, the longer it gathers them, up to `longestPauseMs`: all who
 * called since the last action began share the next. A round of bookings costs three commits, and a signal of a standing workflow
 * a workflow task and an activity: little for one order in a quiet minute, much for thirty a second.
 */
export function createCoalescingTrigger(options: {
  action: () => Promise<void>;
  /** Milliseconds. */
  longestPauseMs: number;
}): CoalescingTrigger {
  let next: Promise<void> | undefined;
  let running: Promise<void> = Promise.resolve();
  let lastBegun = Number.NEGATIVE_INFINITY;
  let calls: number[] = [];

  async function runInTurn(): Promise<void> {
    await running;
    const pause = Math.min(options.longestPauseMs, calls.length * PAUSE_PER_CALL_MS);
    const wait = lastBegun + pause - performance.now();
    if (wait > 0) await delay(wait);
    next = undefined;
    lastBegun = performance.now();
    const action = options.action();
    running = action.catch(() => undefined);
    await action;
  }

  return {
    trigger() {
      const now = performance.now();
      calls = [...calls.filter((at) => at > now - WINDOW_MS), now];
      next ??= runInTurn();
      return next;
    },
  };
}
