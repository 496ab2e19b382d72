import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../../../platform/database/database';
import { selectStockWriters } from './queries';

const LOOK_EVERY_MS = 20;

/**
 * Waits until every transaction that may have read the state of a warehouse before now, and may still allocate by it, has ended.
 * Costs those transactions nothing: no lock is shared with them.
 *
 * @returns false where some were still running after `withinMs`
 */
export async function waitForStockWriters(on: Queryable, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  let running = await selectStockWriters(on);
  while (running.size > 0) {
    if (performance.now() >= until) return false;
    await sleep(LOOK_EVERY_MS);
    const now = await selectStockWriters(on);
    running = new Set([...running].filter((transaction) => now.has(transaction)));
  }
  return true;
}
