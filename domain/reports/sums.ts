import type { Database, Transaction } from '../../platform/database/database';
import { readFacts } from './facts';
import { valuesOf, type Scope } from './facts-queries';
import {
  addFacts,
  addOldOrders,
  addOrders,
  beginBuilds,
  deleteSums,
  lockFollower,
  moveCursor,
  selectFollowerState,
  selectNextBatches,
  selectNextPart,
  setPartDone,
  tryFollowerLock,
} from './sums-queries';

export {
  isBuilding as areReportsBuilding,
  selectBehindSeconds as reportsBehindSeconds,
} from './sums-queries';

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
    const next = await selectNextBatches(tx, batchesPerTurn);
    if (!next) return NOTHING;
    await add(tx, { of: 'batches', after: next.after, upTo: next.upTo });
    await moveCursor(tx, next.upTo);
    return { found: true, hasMore: next.batches === batchesPerTurn };
  });
}

/** It may read histories as a whole: it takes its time. */
async function buildPart(tx: Transaction, ids: number): Promise<FollowTurn> {
  if (!(await tryFollowerLock(tx))) return NOTHING;
  const { isLost, isBuilding } = await selectFollowerState(tx);
  if (isLost) await beginAnew(tx);
  const part = isLost || !isBuilding ? undefined : await selectNextPart(tx, ids);
  if (part) {
    const { source, after, upTo, isFirst } = part;
    if (source === 'orders' && isFirst) await addOldOrders(tx);
    await add(tx, { of: 'build', source, after, upTo });
    await setPartDone(tx, part);
  }
  return UNFINISHED;
}

async function add(tx: Transaction, scope: Scope): Promise<void> {
  const facts = await readFacts(tx, scope);
  if (facts.length > 0) await addFacts(tx, facts);
  await addOrders(tx, scope.of, valuesOf(scope));
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
