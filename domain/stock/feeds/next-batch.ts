import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { derivedId } from '../../../platform/ids';
import type { StockAccess, StockLedger } from '../ledger/stock-ledger';
import type { StagedBatch } from '../ledger/types';
import { advance, selectLaneForUpdate } from './queries';
import { reasonOf } from './rules';
import type { FeedCounts, Lane } from './types';

export interface LaneProgress extends FeedCounts {
  /** Rows of the lane that are left. */
  left: number;
  /** The rows had no stock row to begin with; the next ones will hardly have. */
  madeStock: boolean;
}

/**
 * Applies the next rows of a lane, up to `size`, in one transaction: counters, ledger, rejects, units for those who wait, and
 * the lane's position. So whoever repeats it after a crash goes on where the last commit left it.
 *
 * @param request.makeStock make stock rows that are missing at once, instead of finding out that they are
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function applyNextBatch(
  access: StockAccess,
  request: { jobId: string; lane: number; size: number; makeStock: boolean },
): Promise<LaneProgress> {
  try {
    return await access.db.retrying((tx) => applyBatch(tx, access.stock, request));
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return applyNextBatch(access, { ...request, makeStock: true });
  }
}

/** Stock rows are missing, or were changed while the batch was decided: it is rolled back and done again. */
class Undecided extends Error {}

async function applyBatch(
  tx: Transaction,
  stock: StockLedger,
  request: { jobId: string; lane: number; size: number; makeStock: boolean },
): Promise<LaneProgress> {
  const { jobId } = request;
  const lane = await selectLaneForUpdate(tx, jobId, request.lane);
  if (!lane) throw new AppError('FEED_NOT_FOUND', 'There is no such feed.', { jobId });
  const batch = nextBatch(lane, request.size);
  if (!batch) return { applied: 0, unchanged: 0, rejected: 0, left: 0, madeStock: false };
  const { mode, actor } = lane;
  const posting = await stock.postStaged(tx, {
    ...batch,
    mode,
    effectId: derivedId('feed', jobId, batch.after),
    reference: jobId,
    actor,
    makeRows: request.makeStock,
    refusals: REFUSALS,
  });
  if (!posting) throw new Undecided();
  const { madeRows, taken, ...counts } = posting;
  await advance(tx, lane, batch.upTo, counts);
  await taken?.write();
  return { ...counts, left: lane.lastSeq - batch.upTo, madeStock: madeRows };
}

const REFUSALS = {
  WOULD_GO_NEGATIVE: reasonOf('WOULD_GO_NEGATIVE'),
  QUANTITY_OVERFLOW: reasonOf('QUANTITY_OVERFLOW'),
  BELOW_RESERVED: reasonOf('BELOW_RESERVED'),
};

function nextBatch(lane: Lane, size: number): StagedBatch | null {
  if (lane.position === lane.lastSeq) return null;
  return {
    feedId: lane.feedId,
    after: lane.position,
    upTo: Math.min(lane.position + size, lane.lastSeq),
  };
}
