import type { Database, Transaction } from '../../platform/database/database';
import { deleteRecategorised, moveProducts, selectRecategorised } from './move-queries';
import {
  addBatches,
  addOldDemand,
  addOpened,
  addPart,
  beginBuilds,
  deleteOldHours,
  deleteSums,
  lockFollower,
  selectBuild,
  selectFinalUntil,
  selectFollowerState,
  tryFollowerLock,
} from './sums-queries';

export {
  isBuilding as areAnalyticsBuilding,
  selectBehindSeconds as analyticsBehindSeconds,
} from './sums-queries';

export interface FollowOptions {
  /** Batches of the stream that a turn adds at most; each has up to some thousand events. */
  batchesPerTurn?: number;
  /** Ids of what was there before that a turn looks at at most. */
  idsPerTurn?: number;
}

/** How a turn ended: whether there was something to do, and whether there is more. */
export interface FollowTurn {
  found: boolean;
  hasMore: boolean;
}

const NOTHING: FollowTurn = { found: false, hasMore: false };
const UNFINISHED: FollowTurn = { found: true, hasMore: true };
/** There is something, which waits for a transaction that is still writing. */
const WAITING: FollowTurn = { found: true, hasMore: false };
/** Some 30,000 events: on a slow machine too it takes less than a statement may. */
const BATCHES_PER_TURN = 3;
const IDS_PER_TURN = 50_000;
const MOVES_PER_TURN = 100;

/**
 * Adds what was numbered since the last turn to the sums of analytics, moves products whose category was changed, and moves the cursor on, in
 * one transaction: each event is in them once, whenever a process dies. One follower of all processes has a turn at a time. Sums that lack
 * events whose positions are kept no more begin anew.
 */
export async function followAnalytics(db: Database, options: FollowOptions = {}): Promise<FollowTurn> {
  const { batchesPerTurn = BATCHES_PER_TURN, idsPerTurn = IDS_PER_TURN } = options;
  const { isBuilding, isBehind, isLost, isToMove } = await selectFollowerState(db);
  if (isBuilding || isLost) return db.retrying((tx) => buildPart(tx, idsPerTurn), { outsidePool: true });
  if (!isBehind && !isToMove) return NOTHING;
  return db.transaction(async (tx) => {
    if (!(await tryFollowerLock(tx))) return NOTHING;
    const state = await selectFollowerState(tx);
    if (state.isBuilding || state.isLost) return UNFINISHED;
    const numberedBefore = await selectFinalUntil(tx);
    const batches = await addBatches(tx, { limit: batchesPerTurn, numberedBefore });
    const moves = await moveSome(tx);
    await deleteOldHours(tx);
    return { found: batches + moves > 0, hasMore: batches === batchesPerTurn || moves === MOVES_PER_TURN };
  });
}

async function moveSome(tx: Transaction): Promise<number> {
  const found = await selectRecategorised(tx, MOVES_PER_TURN);
  if (found.length === 0) return 0;
  await moveProducts(
    tx,
    found.map(({ productId }) => productId),
  );
  await deleteRecategorised(
    tx,
    found.map(({ id }) => id),
  );
  return found.length;
}

/** It may read histories as a whole: it takes its time. */
async function buildPart(tx: Transaction, ids: number): Promise<FollowTurn> {
  if (!(await tryFollowerLock(tx))) return NOTHING;
  const { isLost, isBuilding } = await selectFollowerState(tx);
  if (isLost) {
    await beginAnew(tx);
    return UNFINISHED;
  }
  if (!isBuilding) return UNFINISHED;
  const [build] = await selectBuild(tx, await selectFinalUntil(tx));
  if (!build?.isFinal) return WAITING;
  if (build.isFirst && build.source === 'ledger') await addOpened(tx);
  if (build.isFirst && build.source === 'orders') await addOldDemand(tx);
  await addPart(tx, ids);
  return UNFINISHED;
}

async function beginAnew(tx: Transaction): Promise<void> {
  await deleteSums(tx);
  await beginBuilds(tx);
}

/** Has the sums of analytics begin anew, with what the ledger and histories of orders have. Until they are there, there are no analytics. */
export async function rebuildAnalytics(db: Database): Promise<void> {
  await db.bulk(async (tx) => {
    await lockFollower(tx);
    await beginAnew(tx);
  });
}
