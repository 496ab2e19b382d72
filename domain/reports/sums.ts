import type { Database, Transaction } from '../../platform/database/database';
import {
  addBatches,
  addOldOrders,
  addPart,
  beginBuilds,
  deleteSums,
  lockFollower,
  selectFollowerState,
  tryFollowerLock,
} from './sums-queries';

export { isBuilding as areReportsBuilding } from './sums-queries';

export interface FollowOptions {
  /** Batches of the stream that a turn adds at most; each has up to some thousand events. */
  batchesPerTurn?: number;
  /** Ids of what was there before that a turn looks at at most. */
  idsPerTurn?: number;
}

/** How a turn ended: whether there was something to add, and whether there is more. */
export interface FollowTurn {
  found: boolean;
  hasMore: boolean;
}

const NOTHING: FollowTurn = { found: false, hasMore: false };
const UNFINISHED: FollowTurn = { found: true, hasMore: true };
const BATCHES_PER_TURN = 20;
const IDS_PER_TURN = 50_000;

/**
 * Adds what was numbered since the last turn to the sums of reports, and moves their cursor on, in one transaction: each event is in them
 * once, whenever a process dies. One follower of all processes has a turn at a time. Sums that lack events whose positions are kept no
 * more begin anew. Reports are right whether it runs or not: it only makes them fast.
 */
export async function followSales(db: Database, options: FollowOptions = {}): Promise<FollowTurn> {
  const { batchesPerTurn = BATCHES_PER_TURN, idsPerTurn = IDS_PER_TURN } = options;
  const { isBuilding, isBehind, isLost } = await selectFollowerState(db);
  if (isBuilding || isLost) return db.retrying((tx) => buildPart(tx, idsPerTurn), { outsidePool: true });
  if (!isBehind) return NOTHING;
  return db.transaction(async (tx) => {
    if (!(await tryFollowerLock(tx))) return NOTHING;
    const state = await selectFollowerState(tx);
    if (state.isBuilding || state.isLost) return UNFINISHED;
    const batches = await addBatches(tx, batchesPerTurn);
    return { found: batches > 0, hasMore: batches === batchesPerTurn };
  });
}

/** It may read histories as a whole: it takes its time. */
async function buildPart(tx: Transaction, ids: number): Promise<FollowTurn> {
  if (!(await tryFollowerLock(tx))) return NOTHING;
  const { isLost, isBuilding } = await selectFollowerState(tx);
  if (isLost) await beginAnew(tx);
  else if (isBuilding) {
    await addOldOrders(tx);
    await addPart(tx, ids);
  }
  return UNFINISHED;
}

async function beginAnew(tx: Transaction): Promise<void> {
  await deleteSums(tx);
  await beginBuilds(tx);
}

/** Has the sums of reports begin anew, with what the ledgers and histories of orders have. Until they are there, there are no reports. */
export async function rebuildReports(db: Database): Promise<void> {
  await db.bulk(async (tx) => {
    await lockFollower(tx);
    await beginAnew(tx);
  });
}
