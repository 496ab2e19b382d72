import type { Database, Queryable, RetryLimits } from '../../../platform/database/database';
import { FIRST_ID } from '../../../platform/database/retention';
import { isSubjectsOwn } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import {
  actOnEach,
  failedSubjects,
  forgetFailures,
  forgetSettled,
  runIsolated,
} from '../../stock/alerts/failed-work';
import { distinctKeys } from '../../stock/ledger/rules';
import { lockStock, takeBlocked, type StockAccess } from '../../stock/ledger/stock-ledger';
import type { StockKey } from '../../stock/ledger/types';
import {
  correctExpiry,
  findLotId,
  markRecall,
  placesOfLot,
  readLot,
  type LotChange,
} from '../../stock/tracking/lot-masters';
import type { LotMasterView } from '../../stock/tracking/types';
import { releaseFromHold } from './end-hold';
import {
  selectBlockedLots,
  selectSettledLotFailures,
  selectSettledReleaseFailures,
  selectUnblocked,
} from './queries';

/** How far one run goes. */
export interface UpkeepLimits {
  /** Milliseconds after which nothing further is begun: the next run goes on. */
  withinMs?: number;
  /** So many are looked at in one go. */
  batch?: number;
}

const BATCH = 100;

/**
 * Puts what is left of lots past their last day of sale, and of recalled ones, on hold; what is promised to somebody is awaited. Safe to
 * run at any time: what is on hold is not put there again, so the next run goes on where this one stopped. A batch is one transaction. A
 * lot that fails by an error of its own stops no other: an alert tells of it, and it is tried again after a while; one whose stock row
 * somebody else keeps locked is left to the next run.
 *
 * @returns the units that were available
 */
export async function holdBlockedLots(
  db: Database,
  { withinMs = Infinity, batch = BATCH }: UpkeepLimits = {},
): Promise<number> {
  const until = performance.now() + withinMs;
  let units = 0;
  await forgetSettled(db, 'hold_expired_lot', selectSettledLotFailures);
  const failed = await failedSubjects(db, 'hold_expired_lot');
  for (let after = 0; performance.now() < until;) {
    const lots = await selectBlockedLots(db, { after, limit: batch });
    await runIsolated(lots, {
      db,
      work: 'hold_expired_lot',
      idOf: ({ id }) => String(id),
      leavesLocked: true,
      async run(some, limits) {
        units += await holdBlockedAt(db, some, limits);
        const ids = some.map(({ id }) => String(id));
        await forgetFailures(
          db,
          'hold_expired_lot',
          ids.filter((id) => failed.has(id)),
        );
      },
    });
    const last = lots.at(-1);
    if (!last || lots.length < batch) break;
    after = last.id;
  }
  return units;
}

/** Puts what is blocked at these places on hold, in one transaction. Returns the units that were available. */
function holdBlockedAt(db: Database, places: readonly StockKey[], limits?: RetryLimits): Promise<number> {
  const keys = distinctKeys(places);
  return db.retrying(async (tx) => {
    await lockStock(tx, keys);
    const taken = await takeBlocked(tx, keys);
    return taken.reduce((sum, { quantity }) => sum + quantity, 0);
  }, limits);
}

/**
 * Gives back what is on hold because of a lot that has not expired, and is not recalled, any more: its date was corrected, or its recall
 * has ended. Each hold is a transaction of its own, so the next run goes on where this one stopped. One that fails by an error of its own
 * stops no other: an alert tells of it, and it is tried again after a while; one whose rows somebody else keeps locked is left to the
 * next run.
 *
 * @param limits.lotId of this lot alone
 */
export async function releaseUnblocked(
  access: StockAccess,
  { lotId = null, withinMs = Infinity, batch = BATCH }: UpkeepLimits & { lotId?: number | null } = {},
): Promise<void> {
  const { db } = access;
  const until = performance.now() + withinMs;
  await forgetSettled(db, 'release_hold', selectSettledReleaseFailures);
  const failed = await failedSubjects(db, 'release_hold');
  for (let after = FIRST_ID.row; ;) {
    const holds = await selectUnblocked(db, { lotId, after, limit: batch });
    for (const holdId of holds) {
      if (performance.now() >= until) return;
      await runIsolated([holdId], {
        db,
        work: 'release_hold',
        idOf: (id) => id,
        leavesLocked: true,
        async run(_, limits) {
          await releaseFromHold(access, { holdId, actor: 'system', effectId: newId() }, limits);
          if (failed.has(holdId)) await forgetFailures(db, 'release_hold', [holdId]);
        },
      });
      after = holdId;
    }
    if (holds.length < batch) return;
  }
}

/**
 * Corrects the last day on which a lot may be sold. What was on hold because it had expired is on sale again, and what has expired by the
 * new date is put on hold, both at once at every place.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOT
 */
export async function correctLotExpiry(
  access: StockAccess,
  change: LotChange & { expiresOn: string | null },
): Promise<LotMasterView> {
  const { id } = await correctExpiry(access.db, change);
  return applyToPlaces(access, id, change);
}

/**
 * Recalls a lot, or ends its recall: everything of it is put on hold, everywhere, and whatever of it comes in later; what is promised to
 * somebody is awaited.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOT
 */
export async function recallLot(
  access: StockAccess,
  change: LotChange & { recalled: boolean },
): Promise<LotMasterView> {
  const { id } = await markRecall(access.db, change);
  return applyToPlaces(access, id, change);
}

/**
 * A place, or a hold, that fails by an error of its own stops no other. What failed, or died on the way, is done by the next
 * `stock-upkeep`.
 */
async function applyToPlaces(
  access: StockAccess,
  lotId: number,
  { sku, lot }: LotChange,
): Promise<LotMasterView> {
  const { db } = access;
  await actOnEach(await placesOfLot(db, lotId), await failedSubjects(db, 'hold_expired_lot'), {
    db,
    work: 'hold_expired_lot',
    idOf: ({ id }) => String(id),
    isOwn: isSubjectsOwn,
    async act(place) {
      await holdBlockedAt(db, [place]);
    },
  });
  await releaseUnblocked(access, { lotId });
  const view = await readLot(db, sku, lot);
  if (!view) throw new Error('a lot disappeared');
  return view;
}

/** Where units of a lot are. */
export async function placesOf(
  on: Queryable,
  { sku, lot }: { sku: string; lot: string },
): Promise<StockKey[]> {
  const id = await findLotId(on, sku, lot);
  return id === null ? [] : placesOfLot(on, id);
}
