import type { Transaction } from '../../../platform/database/database';
import { isAppError, isSubjectsOwn } from '../../../platform/errors';
import { runInHalves } from '../../../platform/halves';
import { derivedId } from '../../../platform/ids';
import { advanceLane, lockLane } from '../../uploads/uploads';
import { STOCK_MODES, type UploadCounts, type Lane } from '../../uploads/types';
import type { StockAccess, StockLedger } from '../ledger/stock-ledger';
import { STAGED_REFUSALS, type StagedBatch, type StagedRefusal } from '../ledger/types';
import { applyLotRows } from './apply-lots';
import { rejectChange } from './queries';
import { reasonOf } from './rules';
import { Undecided } from './undecided';

export interface LaneProgress extends UploadCounts {
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
  /** Do nothing unless the lane stands here. */
  position?: number | undefined;
}

async function applyRows(access: StockAccess, request: BatchRequest): Promise<LaneProgress> {
  try {
    return await access.db.retrying((tx) => applyBatch(tx, access.stock, request));
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return applyRows(access, { ...request, makeStock: true });
  }
}

/**
 * The same rows in several transactions, each of which does its own rows only: another attempt at the same batch may have done
 * them meanwhile.
 */
async function applyApart(access: StockAccess, request: BatchRequest): Promise<LaneProgress> {
  const { position, left } = await access.db.retrying((tx) => lockLane(tx, request, STOCK_MODES));
  const total: LaneProgress = { applied: 0, unchanged: 0, rejected: 0, left, madeStock: false };
  const add = (done: LaneProgress) => {
    total.applied += done.applied;
    total.unchanged += done.unchanged;
    total.rejected += done.rejected;
    total.left = done.left;
    total.madeStock ||= done.madeStock;
  };
  await runInHalves(
    Array.from({ length: Math.min(request.size, left) }, (_, place) => position + place),
    async (positions) => {
      add(await applyRows(access, { ...request, size: positions.length, position: positions[0] }));
    },
    async (failed) => {
      add(await access.db.retrying((tx) => rejectRow(tx, { ...request, size: 1, position: failed })));
    },
    isSubjectsOwn,
  );
  return total;
}

async function rejectRow(tx: Transaction, request: BatchRequest): Promise<LaneProgress> {
  const lane = await lockLane(tx, request, STOCK_MODES);
  const batch = nextBatch(lane, request);
  if (!batch) return nothingDone(lane);
  const rejected = await rejectChange(tx, { ...batch, reason: reasonOf('ROW_FAILED') });
  const counts = { applied: 0, unchanged: 0, rejected };
  await advanceLane(tx, lane, batch.upTo, counts);
  return { ...counts, left: lane.lastSeq - batch.upTo, madeStock: false };
}

function nothingDone({ left }: { left: number }): LaneProgress {
  return { applied: 0, unchanged: 0, rejected: 0, left, madeStock: false };
}

/** Rows that name lots are applied one by one: fewer of them are a transaction that is as long. */
const LOT_ROWS = 1_000;

async function applyBatch(tx: Transaction, stock: StockLedger, request: BatchRequest): Promise<LaneProgress> {
  const { jobId } = request;
  const lane = await lockLane(tx, request, STOCK_MODES);
  const batch = nextBatch(lane, request);
  if (!batch) return nothingDone(lane);
  const { mode, actor, asOf } = lane;
  if (lane.byLot) {
    const { taken, ...counts } = await applyLotRows(tx, stock, { ...batch, jobId, mode, asOf, actor });
    await advanceLane(tx, lane, batch.upTo, counts);
    await taken?.write();
    return { ...counts, left: lane.lastSeq - batch.upTo, madeStock: false };
  }
  const posting = await stock.postStaged(tx, {
    ...batch,
    mode,
    asOf,
    effectId: derivedId('feed', jobId, batch.after),
    reference: jobId,
    actor,
    makeRows: request.makeStock,
    refusals: REFUSALS,
  });
  if (!posting) throw new Undecided();
  const { madeRows, taken, ...counts } = posting;
  await advanceLane(tx, lane, batch.upTo, counts);
  await taken?.write();
  return { ...counts, left: lane.lastSeq - batch.upTo, madeStock: madeRows };
}

const REFUSALS = Object.fromEntries(STAGED_REFUSALS.map((code) => [code, reasonOf(code)])) as Record<
  StagedRefusal,
  string
>;

/** Null: nothing is left, or the lane has moved on from the position that is asked for. */
function nextBatch(lane: Lane, { size, position }: BatchRequest): StagedBatch | null {
  if (lane.position === lane.lastSeq) return null;
  if (position !== undefined && position !== lane.position) return null;
  return {
    feedId: lane.feedId,
    after: lane.position,
    upTo: Math.min(lane.position + (lane.byLot ? Math.min(size, LOT_ROWS) : size), lane.lastSeq),
  };
}
