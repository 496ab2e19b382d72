import { setTimeout as delay } from 'node:timers/promises';

export interface CoalescingTrigger {
  /** Resolves when a ring that began after this call has arrived; rejects when that ring failed. */
  press(): Promise<void>;
}

/** Presses are counted over this long. */
const WINDOW_MS = 500;
/** Each of them asks for this much of a pause between two rings. */
const PAUSE_PER_PRESS_MS = 15;

/**
 * Rings at once while presses are few, and the more there are the longer it gathers them, up to `paceMs`: all who pressed
 * since the last ring began share the next. A ring of the dispatcher costs the engine a signal, a workflow task and an
 * activity, about 29 ms of CPU: little for the one order of a quiet minute, a third of two cores for thirty orders a second.
 */
export function createCoalescingTrigger(options: {
  ring: () => Promise<void>;
  paceMs: number;
}): CoalescingTrigger {
  let next: Promise<void> | undefined;
  let ringing: Promise<void> = Promise.resolve();
  let lastRing = Number.NEGATIVE_INFINITY;
  let presses: number[] = [];

  async function ringInTurn(): Promise<void> {
    await ringing;
    const wait = lastRing + Math.min(options.paceMs, presses.length * PAUSE_PER_PRESS_MS) - performance.now();
    if (wait > 0) await delay(wait);
    next = undefined;
    lastRing = performance.now();
    const ring = options.ring();
    ringing = ring.catch(() => undefined);
    await ring;
  }

  return {
    press() {
      const now = performance.now();
      presses = [...presses.filter((at) => at > now - WINDOW_MS), now];
      next ??= ringInTurn();
      return next;
    },
  };
}
