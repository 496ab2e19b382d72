import type { Database, Queryable, Transaction } from '../../platform/database/database';
import {
  rebuild,
  takeTurn,
  UNFINISHED,
  type Follower,
  type FollowOptions,
  type FollowTurn,
} from '../event-log/follower';
import { deleteRecategorised, moveProducts, selectRecategorised } from './move-queries';
import {
  addBatches,
  addOldDemand,
  addOpened,
  addPart,
  beginBuilds,
  deleteOldHours,
  deleteSums,
  selectBuild,
  selectFinalUntil,
  selectState,
} from './sums-queries';

export { selectBehindSeconds as analyticsBehindSeconds } from './sums-queries';

const MOVES_PER_TURN = 100;

const FOLLOWER: Follower = {
  lock: 'holdfast.follow_analytics',
  // Some 30,000 events: on a slow machine too it takes less than a statement may.
  batchesPerTurn: 3,
  selectState,
  async addBatches(tx, limit) {
    const numberedBefore = await selectFinalUntil(tx);
    const batches = await addBatches(tx, { limit, numberedBefore });
    const moves = await moveSome(tx);
    await deleteOldHours(tx);
    return { found: batches + moves > 0, hasMore: batches === limit || moves === MOVES_PER_TURN };
  },
  async addPart(tx, ids) {
    const [build] = await selectBuild(tx, await selectFinalUntil(tx));
    // It waits for a transaction that is still writing.
    if (!build?.isFinal) return { found: true, hasMore: false };
    if (build.isFirst && build.source === 'ledger') await addOpened(tx);
    if (build.isFirst && build.source === 'orders') await addOldDemand(tx);
    await addPart(tx, ids);
    return UNFINISHED;
  },
  deleteSums,
  beginBuilds,
};

/** Adds what was numbered since the last turn to the sums of analytics, and moves products whose category was changed: see `takeTurn`. */
export function followAnalytics(db: Database, options: FollowOptions = {}): Promise<FollowTurn> {
  return takeTurn(db, FOLLOWER, options);
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

/** What was there before is not in the sums yet, so that these lack it once it is dropped. */
export async function areAnalyticsBuilding(on: Queryable): Promise<boolean> {
  return (await selectState(on)).isBuilding;
}

/** Has the sums of analytics begin anew, with what the ledger and histories of orders have. Until they are there, there are no analytics. */
export function rebuildAnalytics(db: Database): Promise<void> {
  return rebuild(db, FOLLOWER);
}
