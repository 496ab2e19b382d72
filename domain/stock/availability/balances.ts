import type { Database } from '../../../platform/database/database';
import { prepareLongReading, tryKeepPartitions } from '../ledger/long-reading';
import {
  deleteOldBalances,
  insertBalances,
  lockBalanced,
  selectBalanceStep,
  setBalanced,
} from './balance-queries';

/**
 * Keeps balances of stock rows for as much of the ledger as is final, so that stock at a time in the past is summed from few
 * entries. A transaction for each month at most. Does nothing while another process does it, or a month is summed up: what is left is for
 * the next run. Returns how many were written.
 */
export async function keepBalances(db: Database, signal?: AbortSignal): Promise<number> {
  let written = 0;
  while (!signal?.aborted) {
    const made = await db.retrying(async (tx) => {
      await prepareLongReading(tx);
      if (!(await tryKeepPartitions(tx))) return null;
      const balanced = await lockBalanced(tx);
      const step = balanced && (await selectBalanceStep(tx));
      if (!step) return null;
      const count = await insertBalances(tx, step, balanced.xid);
      await setBalanced(tx, step.upTo, step.isLast ? step.horizon : null);
      await deleteOldBalances(tx);
      return { count, isLast: step.isLast };
    });
    if (!made) return written;
    written += made.count;
    if (made.isLast) return written;
  }
  return written;
}
