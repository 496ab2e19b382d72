import type { Database } from '../../../platform/database/database';
import { ensurePartitions, foldOldestPartition, setFoldTimeouts } from './queries';

export { ensurePartitions };

/**
 * Sums every monthly partition of the ledger that is older than `months` full months into opening balances and drops it, the
 * oldest first, each in a transaction of its own. One that is not sealed yet stays for the next time, and so do those after it.
 *
 * @returns names of what was dropped
 */
export async function foldOldPartitions(
  db: Database,
  months: number,
  told: (partition: string) => void = () => undefined,
): Promise<string[]> {
  const folded: string[] = [];
  for (;;) {
    const partition = await db.retrying(async (tx) => {
      await setFoldTimeouts(tx);
      return foldOldestPartition(tx, months);
    });
    if (partition === null) return folded;
    folded.push(partition);
    told(partition);
  }
}
