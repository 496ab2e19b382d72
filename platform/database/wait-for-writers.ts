import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 20;

/**
 * Waits until every transaction that `running` names now has ended. Costs those transactions nothing: no lock is shared with them.
 *
 * @param running transactions that run, by their virtual ids
 * @returns false where some were still running after `withinMs`
 */
export async function waitUntilEnded(
  running: () => Promise<ReadonlySet<string>>,
  withinMs: number,
): Promise<boolean> {
  const until = performance.now() + withinMs;
  let left = await running();
  while (left.size > 0) {
    if (performance.now() >= until) return false;
    await sleep(LOOK_EVERY_MS);
    const now = await running();
    left = new Set([...left].filter((transaction) => now.has(transaction)));
  }
  return true;
}
