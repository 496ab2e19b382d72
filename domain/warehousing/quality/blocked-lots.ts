import type { Database, Queryable } from '../../../platform/database/database';
import { isSubjectsOwn } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { actOnEach, failedSubjects, forgetSettled } from '../../stock/alerts/failed-work';
import { raiseAlert, resolveAlert, resolveBrokenPromises, SHOWN_IN_DETAILS } from '../../stock/alerts/alerts';
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
  selectNearExpiry,
  selectNoLongerNear,
  selectSettledLotFailures,
  selectUnblocked,
} from './queries';

/** In one go; each lot is a transaction of its own. */
const BATCH = 100;

/**
 * Puts what is left of lots past their last day of sale, and of recalled ones, on hold; what is promised to somebody is awaited. Safe to
 * run at any time: what is on hold is not put there again. A lot that fails by an error of its own stops no other: an alert tells of
 * it, and it is tried again after a while. Returns the units that were available.
 */
export async function holdBlockedLots(db: Database, beat: () => void = () => undefined): Promise<number> {
  let units = 0;
  await forgetSettled(db, 'hold_expired_lot', selectSettledLotFailures);
  const failed = await failedSubjects(db, 'hold_expired_lot');
  for (;;) {
    const lots = await selectBlockedLots(db, BATCH);
    await actOnEach(lots, failed, {
      db,
      work: 'hold_expired_lot',
      idOf: ({ id }) => String(id),
      isOwn: isSubjectsOwn,
      async act(place) {
        beat();
        units += await holdBlockedAt(db, place);
      },
    });
    // One that was held has nothing left, and one that failed is put off: the next batch has others.
    if (lots.length < BATCH) return units;
  }
}

function holdBlockedAt(db: Database, key: StockKey): Promise<number> {
  return db.retrying(async (tx) => {
    await lockStock(tx, [key]);
    const taken = await takeBlocked(tx, [key]);
    return taken.reduce((sum, { quantity }) => sum + quantity, 0);
  });
}

/** Gives back what is on hold because of a lot that has not expired, and is not recalled, any more: its date was corrected. */
export async function releaseUnblocked(
  access: StockAccess,
  beat: () => void = () => undefined,
): Promise<void> {
  for (;;) {
    const holds = await selectUnblocked(access.db, BATCH);
    for (const holdId of holds) {
      beat();
      await releaseFromHold(access, { holdId, actor: 'system', effectId: newId() });
    }
    if (holds.length < BATCH) return;
  }
}

/**
 * Tells of lots on sale whose last day comes within so many days, an alert for each place, which shows the first of them and how many
 * there are; and takes back what is over.
 */
export async function tellOfNearExpiry(
  db: Database,
  { days, beat = () => undefined }: { days: number; beat?: () => void },
): Promise<void> {
  await resolveBrokenPromises(db);
  for (const key of await selectNoLongerNear(db, days)) {
    beat();
    await db.retrying((tx) => resolveAlert(tx, { kind: 'expiry_near', ...key }));
  }
  let after: StockKey = { productId: 0, warehouseId: 0 };
  for (;;) {
    const places = await selectNearExpiry(db, { days, after, limit: BATCH, shown: SHOWN_IN_DETAILS });
    for (const { lots, total, ...key } of places) {
      beat();
      await db.retrying((tx) => raiseAlert(tx, { kind: 'expiry_near', ...key, details: { lots, total } }));
    }
    const last = places.at(-1);
    if (!last || places.length < BATCH) return;
    after = { productId: last.productId, warehouseId: last.warehouseId };
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

/** What dies on the way is done by the next `stock-upkeep`. */
async function applyToPlaces(
  access: StockAccess,
  lotId: number,
  { sku, lot }: LotChange,
): Promise<LotMasterView> {
  for (const key of await placesOfLot(access.db, lotId)) await holdBlockedAt(access.db, key);
  await releaseUnblocked(access);
  const view = await readLot(access.db, sku, lot);
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
