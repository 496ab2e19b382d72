import type { Database, Transaction } from '../../../platform/database/database';
import { AppError, isAppError, isSubjectsOwn } from '../../../platform/errors';
import { runInHalves } from '../../../platform/halves';
import { derivedId } from '../../../platform/ids';
import { allocateBackorders, applyAllocation } from '../../ordering/backorders/allocate';
import {
  applyChanges,
  insertMissingStock,
  lockInOrder,
  rejectChange,
  selectAdded,
  selectWaitedFor,
  type Batch,
} from './apply-queries';
import { advance, selectLaneForUpdate } from './queries';
import type { FeedCounts, Lane } from './types';

export interface LaneProgress extends FeedCounts {
  /** Rows of the lane that are left. */
  left: number;
  /** The rows had no stock row to begin with; the next ones will hardly have. */
  madeStock: boolean;
}

/**
 * Applies the next rows of a lane, up to `size`, in one transaction: counters, ledger, rejects, units for waiting
 * backorders, and the lane's position. So whoever repeats it after a crash goes on where the last commit left it. A row that
 * fails by an error of its own is rejected as `ROW_FAILED`, and the others are applied.
 *
 * @param request.makeStock make stock rows that are missing at once, instead of finding out that they are
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function applyNextBatch(
  db: Database,
  request: { jobId: string; lane: number; size: number; makeStock: boolean },
): Promise<LaneProgress> {
  try {
    return await applyRows(db, request);
  } catch (error) {
    if (isAppError(error) || !isSubjectsOwn(error)) throw error;
    return applyApart(db, request);
  }
}

async function applyRows(
  db: Database,
  request: { jobId: string; lane: number; size: number; makeStock: boolean },
): Promise<LaneProgress> {
  try {
    return await db.retrying((tx) => applyBatch(tx, request, request.makeStock));
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return applyRows(db, { ...request, makeStock: true });
  }
}

/** The same rows in several transactions, each of which goes on where the one before left the lane. */
async function applyApart(
  db: Database,
  request: { jobId: string; lane: number; size: number; makeStock: boolean },
): Promise<LaneProgress> {
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
      add(await applyRows(db, { ...request, size }));
    },
    async () => {
      add(await db.retrying((tx) => rejectNext(tx, request)));
    },
    isSubjectsOwn,
  );
  return total;
}

async function rejectNext(
  tx: Transaction,
  { jobId, lane: number }: { jobId: string; lane: number },
): Promise<LaneProgress> {
  const lane = await selectLaneForUpdate(tx, jobId, number);
  if (!lane) throw new AppError('FEED_NOT_FOUND', 'There is no such feed.', { jobId });
  const batch = nextBatch(lane, 1);
  const counts = { applied: 0, unchanged: 0, rejected: batch ? await rejectChange(tx, batch) : 0 };
  if (batch) await advance(tx, lane, batch.upTo, counts);
  return { ...counts, left: lane.lastSeq - (batch?.upTo ?? lane.position), madeStock: false };
}

/** Stock rows are missing, or were changed while the batch was decided: it is rolled back and done again. */
class Undecided extends Error {}

async function applyBatch(
  tx: Transaction,
  { jobId, lane: number, size }: { jobId: string; lane: number; size: number },
  makeStock: boolean,
): Promise<LaneProgress> {
  const lane = await selectLaneForUpdate(tx, jobId, number);
  if (!lane) throw new AppError('FEED_NOT_FOUND', 'There is no such feed.', { jobId });
  const batch = nextBatch(lane, size);
  if (!batch) return { applied: 0, unchanged: 0, rejected: 0, left: 0, madeStock: false };
  const { mode, actor } = lane;
  const effectId = derivedId('feed', jobId, batch.after);
  await lockInOrder(tx);
  const made = makeStock ? await insertMissingStock(tx, batch) : 0;
  const { undecided, ...counts } = await applyChanges(tx, batch, { mode, effectId, reference: jobId, actor });
  if (undecided > 0) throw new Undecided();
  await advance(tx, lane, batch.upTo, counts);
  await serveBackorders(tx, batch, effectId);
  return { ...counts, left: lane.lastSeq - batch.upTo, madeStock: made > 0 };
}

function nextBatch(lane: Lane, size: number): Batch | null {
  if (lane.position === lane.lastSeq) return null;
  return {
    feedId: lane.feedId,
    after: lane.position,
    upTo: Math.min(lane.position + size, lane.lastSeq),
  };
}

/** As the last step, since it locks orders. */
async function serveBackorders(tx: Transaction, batch: Batch, effectId: string): Promise<void> {
  const waitedFor = await selectWaitedFor(tx, batch);
  if (waitedFor.length === 0) return;
  const added = await selectAdded(tx, waitedFor, effectId);
  await applyAllocation(tx, await allocateBackorders(tx, added));
}
