import type { Database, Queryable } from '../../../platform/database/database';
import { AppError, messageOf, sqlState } from '../../../platform/errors';
import { foldOldestPartition, makePartitions, selectFoldOverdue, setFoldTimeouts } from './queries';

/** Makes the ledger's partitions of this month and `months` more, by a function of the owner; returns how many were new. */
export function ensurePartitions(db: Database, months: number): Promise<number> {
  return db.retrying((tx) => makePartitions(tx, months), { outsidePool: true });
}

/**
 * Sums every monthly partition of the ledger that is older than `months` full months into opening balances and drops it, the
 * oldest first, by a function of the owner, each in a transaction of its own. One that is not sealed yet stays for the next time, and so do those after it.
 *
 * @param told each month that was dropped
 * @returns names of what was dropped
 * @throws AppError `LEDGER_MONTH_CHANGED` for a month whose rows are not as they were sealed: it stays, and so do those after it
 */
export async function foldOldPartitions(
  db: Database,
  months: number,
  told: (partition: string) => void = () => undefined,
): Promise<string[]> {
  const folded: string[] = [];
  for (;;) {
    const partition = await db
      .retrying(
        async (tx) => {
          await setFoldTimeouts(tx);
          return foldOldestPartition(tx, months);
        },
        { outsidePool: true },
      )
      .catch(asChangedMonth);
    if (partition === null) return folded;
    folded.push(partition);
    told(partition);
  }
}

/** For how many seconds the oldest month of the ledger has been past its retention of `months` full months, 0 for ever; 0: none is. */
export async function foldOverdueSeconds(on: Queryable, months: number): Promise<number> {
  return months === 0 ? 0 : selectFoldOverdue(on, months);
}

const DATA_CORRUPTED = 'XX001';

function asChangedMonth(error: unknown): never {
  if (sqlState(error) !== DATA_CORRUPTED) throw error;
  throw new AppError('LEDGER_MONTH_CHANGED', messageOf(error), {}, { cause: error });
}
