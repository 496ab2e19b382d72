import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { lockFollower, tryFollowerLock } from './follower-queries';

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

export const NOTHING: FollowTurn = { found: false, hasMore: false };
export const UNFINISHED: FollowTurn = { found: true, hasMore: true };

export interface FollowerState {
  /** What was there before is not in the sums yet. */
  isBuilding: boolean;
  /** Positions after the cursor are kept no more. */
  isLost: boolean;
  /** There are positions after the cursor, or something else to do. */
  isBehind: boolean;
}

/** What keeps sums of the stream. What it does in a turn is done while it has its lock. */
export interface Follower {
  /** The name of its lock. */
  lock: string;
  batchesPerTurn: number;
  selectState(on: Queryable): Promise<FollowerState>;
  /** Adds the next batches after the cursor, so many at most, and moves it on. */
  addBatches(tx: Transaction, limit: number): Promise<FollowTurn>;
  /** Adds the next part of what was there before, of so many ids at most. It may read histories as a whole: it takes its time. */
  addPart(tx: Transaction, ids: number): Promise<FollowTurn>;
  /** Removes the sums. */
  deleteSums(tx: Transaction): Promise<void>;
  /** Has the sums begin anew: with what has a position now, then with what gets one later. In one snapshot. */
  beginBuilds(tx: Transaction): Promise<unknown>;
}

const IDS_PER_TURN = 50_000;

/**
 * Adds what was numbered since the last turn to the sums of a follower and moves its cursor on, in one transaction: each event is in them
 * once, whenever a process dies. One follower of all processes has a turn at a time. Sums that lack events whose positions are kept no
 * more begin anew.
 */
export async function takeTurn(
  db: Database,
  follower: Follower,
  { batchesPerTurn = follower.batchesPerTurn, idsPerTurn = IDS_PER_TURN }: FollowOptions,
): Promise<FollowTurn> {
  const { isBuilding, isBehind, isLost } = await follower.selectState(db);
  if (isBuilding || isLost)
    return db.retrying((tx) => buildPart(tx, follower, idsPerTurn), { outsidePool: true });
  if (!isBehind) return NOTHING;
  return db.transaction(async (tx) => {
    if (!(await tryFollowerLock(tx, follower.lock))) return NOTHING;
    const state = await follower.selectState(tx);
    if (state.isBuilding || state.isLost) return UNFINISHED;
    return follower.addBatches(tx, batchesPerTurn);
  });
}

async function buildPart(tx: Transaction, follower: Follower, ids: number): Promise<FollowTurn> {
  if (!(await tryFollowerLock(tx, follower.lock))) return NOTHING;
  const { isLost, isBuilding } = await follower.selectState(tx);
  if (isLost) await beginAnew(tx, follower);
  else if (isBuilding) return follower.addPart(tx, ids);
  return UNFINISHED;
}

async function beginAnew(tx: Transaction, follower: Follower): Promise<void> {
  await follower.deleteSums(tx);
  await follower.beginBuilds(tx);
}

/** Has the sums of a follower begin anew, with what their sources have. */
export async function rebuild(db: Database, follower: Follower): Promise<void> {
  await db.bulk(async (tx) => {
    await lockFollower(tx, follower.lock);
    await beginAnew(tx, follower);
  });
}
