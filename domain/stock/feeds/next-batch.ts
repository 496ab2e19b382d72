import type { Transaction } from '../../../platform/database/database';
import { AppError, isAppError, isSubjectsOwn } from '../../../platform/errors';
import { runInHalves } from '../../../platform/halves';
import { derivedId } from '../../../platform/ids';
import type { StockAccess, StockLedger } from '../ledger/stock-ledger';
import type { StagedBatch } from '../ledger/types';
import { advance, rejectChange, selectLaneForUpdate } from './queries';
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
 * the lane's position. Repeated after a crash, it goes on where the last commit left it. A row that fails by an error
 * of its own is rejected as `ROW_FAILED`, and the others are applied.
 *
 * @param request.makeStock make stock rows that are missing at once, instead of finding out that they are
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function applyNextBatch(access: StockAccess, request: BatchRequest): Promise<LaneProgress> {
  try {
    return await applyRows(access, request);
  } catch (error) {
    if (isAppError(error) || !isSubjectsOwn(error)) throw error;
    return applyApart(access, request);
  }
}

interface BatchRequest {
  jobId: string;
  lane: number;
  size: number;
  makeStock: boolean;
}

async function applyRows(access: StockAccess, request: BatchRequest): Promise<LaneProgress> {
  try {
    return await access.db.retrying((tx) => applyBatch(tx, access.stock, request));
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return applyRows(access, { ...request, makeStock: true });
  }
}

/** The same rows in several transactions, each of which goes on where the one before left the lane. */
async function applyApart(access: StockAccess, request: BatchRequest): Promise<LaneProgress> {
  const total: LaneProgress = { applied: 0, unchanged: 0, rejected: 0, left: 0, madeStock: false };
  const add = (done: LaneProgress) => {
    total.applied += done.applied;
    total.unchanged += done.unchanged;
    total.rejected += done.rejected;
    total.left = done.left;
    total.madeStock ||= done.madeStock;
  };
  await runInHalves(
    Array.from({ length: request.size }, (_, place) => place),
    async ({ length: size }) => {
      add(await applyRows(access, { ...request, size }));
    },
    async () => {
      add(await access.db.retrying((tx) => rejectNext(tx, request)));
    },
    isSubjectsOwn,
  );
  return total;
}

async function rejectNext(
  tx: Transaction,
  { jobId, lane: number }: Pick<BatchRequest, 'jobId' | 'lane'>,
): Promise<LaneProgress> {
  const lane = await selectLaneForUpdate(tx, jobId, number);
  if (!lane) throw new AppError('FEED_NOT_FOUND', 'There is no such feed.', { jobId });
  const batch = nextBatch(lane, 1);
  const rejected = batch ? await rejectChange(tx, { ...batch, reason: reasonOf('ROW_FAILED') }) : 0;
  const counts = { applied: 0, unchanged: 0, rejected };
  if (batch) await advance(tx, lane, batch.upTo, counts);
  return { ...counts, left: lane.lastSeq - (batch?.upTo ?? lane.position), madeStock: false };
}

/** Stock rows are missing, or were changed while the batch was decided: it is rolled back and done again. */
class Undecided extends Error {}

async function applyBatch(tx: Transaction, stock: StockLedger, request: BatchRequest): Promise<LaneProgress> {
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
