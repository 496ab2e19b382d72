import type { Database, Transaction } from '../../../platform/database/database';
import {
  addToCheckpoint,
  lockCheckpoint,
  rebuildCheckpoint,
  selectKeptSums,
  setSumsSeq,
  type KeptSums,
} from './checkpoint-queries';
import { keepPartitions, prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckMode } from '../types';

/**
 * Brings the kept sums of the ledger up to the last seal whose rows were verified. `incremental` adds what was sealed since,
 * `full` makes them anew, as must be done once entries were dropped that they lack. Returns up to which seal they go.
 */
export function advanceCheckpoint(db: Database, mode: CheckMode): Promise<number> {
  return db.retrying(async (tx) => {
    await prepareLongReading(tx);
    await keepPartitions(tx);
    const { sumsSeq, sumsXid, sumsId, toSeq, toXid, toId } = await lockCheckpoint(tx);
    const to = { xid: toXid, id: toId };
    if (mode === 'full' || (await selectKeptSums(tx)).stale) await rebuildCheckpoint(tx, to);
    else if (toSeq > sumsSeq) await addToCheckpoint(tx, { xid: sumsXid, id: sumsId }, to);
    else return sumsSeq;
    await setSumsSeq(tx, toSeq);
    return toSeq;
  });
}

/**
 * Prepares a transaction for reading the ledger, which may take long.
 *
 * @returns up to where the ledger's sums are kept, and whether they can be used
 */
export async function beginLedgerReading(tx: Transaction): Promise<KeptSums> {
  await prepareLongReading(tx);
  return selectKeptSums(tx);
}
