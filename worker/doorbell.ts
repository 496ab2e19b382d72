import { setTimeout as delay } from 'node:timers/promises';

export interface Doorbell {
  /** Resolves when a ring that began after this call has arrived; rejects when that ring failed. */
  press(): Promise<void>;
}

/**
 * Rings at once when idle, and under load at most once each `paceMs`: all who pressed since the last ring began share the
 * next. A ring of the dispatcher costs the engine a signal, a workflow task and an activity, about 29 ms of CPU.
 */
export function createDoorbell(options: { ring: () => Promise<void>; paceMs: number }): Doorbell {
  let next: Promise<void> | undefined;
  let ringing: Promise<void> = Promise.resolve();
  let lastRing = Number.NEGATIVE_INFINITY;

  async function ringInTurn(): Promise<void> {
    await ringing;
    const wait = lastRing + options.paceMs - performance.now();
    if (wait > 0) await delay(wait);
    next = undefined;
    lastRing = performance.now();
    const ring = options.ring();
    ringing = ring.catch(() => undefined);
    await ring;
  }

  return {
    press() {
      next ??= ringInTurn();
      return next;
    },
  };
}
