import type { Database } from '../../../platform/database/database';
import {
  addToCheckpoint,
  keepPartitions,
  lockCheckpoint,
  rebuildCheckpoint,
  selectKeptSums,
  setSumsSeq,
} from './checkpoint-queries';
import { prepareLongReading } from '../seals/queries';
import type { CheckMode } from '../types';

/**
 * Brings the kept sums of the ledger up to the last seal whose rows were verified. `incremental` adds what was sealed since,
 * `full` makes them anew, as must be done once partitions were dropped. Answers up to which seal they go.
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
