import type { Database, Queryable, Transaction } from '../../platform/database/database';
import {
  NOTHING,
  rebuild,
  takeTurn,
  UNFINISHED,
  type Follower,
  type FollowOptions,
  type FollowTurn,
} from '../event-log/follower';
import { readFacts } from './facts';
import { valuesOf, type Scope } from './facts-queries';
import {
  addFacts,
  addOldOrders,
  addOrders,
  beginBuilds,
  deleteSums,
  moveCursor,
  selectNextBatches,
  selectNextPart,
  selectState,
  setPartDone,
} from './sums-queries';

export { selectBehindSeconds as reportsBehindSeconds } from './sums-queries';

const FOLLOWER: Follower = {
  lock: 'holdfast.follow_reports',
  batchesPerTurn: 20,
  selectState,
  async addBatches(tx, limit) {
    const next = await selectNextBatches(tx, limit);
    if (!next) return NOTHING;
    await add(tx, { of: 'batches', after: next.after, upTo: next.upTo });
    await moveCursor(tx, next.upTo);
    return { found: true, hasMore: next.batches === limit };
  },
  async addPart(tx, ids) {
    const part = await selectNextPart(tx, ids);
    if (part) {
      const { source, after, upTo, isFirst } = part;
      if (source === 'orders' && isFirst) await addOldOrders(tx);
      await add(tx, { of: 'build', source, after, upTo });
      await setPartDone(tx, part);
    }
    return UNFINISHED;
  },
  deleteSums,
  beginBuilds,
};

/**
 * Adds what was numbered since the last turn to the sums of reports: see `takeTurn`. Reports are right whether it runs or not: it only makes
 * them fast.
 */
export function followSales(db: Database, options: FollowOptions = {}): Promise<FollowTurn> {
  return takeTurn(db, FOLLOWER, options);
}

async function add(tx: Transaction, scope: Scope): Promise<void> {
  const facts = await readFacts(tx, scope);
  if (facts.length > 0) await addFacts(tx, facts);
  await addOrders(tx, scope.of, valuesOf(scope));
}

/** What was there before is not in the sums yet, so that these lack it once it is dropped. */
export async function areReportsBuilding(on: Queryable): Promise<boolean> {
  return (await selectState(on)).isBuilding;
}

/** Has the sums of reports begin anew, with what the ledgers and histories of orders have. Until they are there, there are no reports. */
export function rebuildReports(db: Database): Promise<void> {
  return rebuild(db, FOLLOWER);
}
