import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import type { Change } from '../../audit/types';
import {
  insertLotChange,
  lockLotMaster,
  selectLotId,
  selectLotMaster,
  selectPlacesOfLot,
  updateLotExpiry,
  updateRecall,
  type LockedLot,
  type LotAtPlace,
} from './lot-master-queries';
import { readTracking } from './set-tracking';
import type { LotMasterView } from './types';

export { selectPlacesOfLot as placesOfLot, type LockedLot, type LotAtPlace };

/** A change of a lot by hand. */
export interface LotChange {
  sku: string;
  /** Its code, however it is written. */
  lot: string;
  reason: string;
  actor: string;
}

/** Null: the product has no such lot. */
export async function findLotId(on: Queryable, sku: string, lot: string): Promise<number | null> {
  return (await selectLotId(on, sku, lot))?.id ?? null;
}

/** A lot of a product with what was changed of it by hand. Null: the product has no such lot. */
export async function readLot(on: Queryable, sku: string, lot: string): Promise<LotMasterView | null> {
  return (await selectLotMaster(on, sku, lot)) ?? null;
}

/**
 * Corrects the last day on which a lot may be sold, at every place at once, and notes who did and why. The same day again changes
 * nothing.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOT
 */
export function correctExpiry(
  db: Database,
  change: LotChange & { expiresOn: string | null },
): Promise<LockedLot> {
  return db.retrying(async (tx) => {
    const lot = await lockLot(tx, change);
    if (lot.expiresOn === change.expiresOn) return lot;
    await updateLotExpiry(tx, lot.id, change.expiresOn);
    const { expiresOn: after, reason, actor } = change;
    await insertLotChange(tx, {
      lotId: lot.id,
      change: 'expiry',
      before: lot.expiresOn,
      after,
      reason,
      actor,
    });
    await recordChange(tx, {
      actor,
      action: 'lot.expiry_corrected',
      subject: subjectOf(change),
      before: { expiresOn: lot.expiresOn },
      after: { expiresOn: after },
    });
    return { ...lot, expiresOn: after };
  });
}

/**
 * Marks a lot as recalled, or as not recalled any more, and notes who did and why. Again, it changes nothing.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOT
 */
export function markRecall(db: Database, change: LotChange & { recalled: boolean }): Promise<LockedLot> {
  return db.retrying(async (tx) => {
    const lot = await lockLot(tx, change);
    if (lot.isRecalled === change.recalled) return lot;
    const { recalled, reason, actor } = change;
    await updateRecall(tx, lot.id, recalled ? { reason, actor } : null);
    await insertLotChange(tx, {
      lotId: lot.id,
      change: recalled ? 'recall' : 'recall_ended',
      before: null,
      after: null,
      reason,
      actor,
    });
    const action = recalled ? 'lot.recalled' : 'lot.recall_ended';
    await recordChange(tx, { actor, action, subject: subjectOf(change) });
    return { ...lot, isRecalled: recalled };
  });
}

function subjectOf({ sku, lot }: LotChange): Change['subject'] {
  return { type: 'lot', id: `${sku}:${lot}` };
}

async function lockLot(tx: Transaction, { sku, lot }: LotChange): Promise<LockedLot> {
  const found = await lockLotMaster(tx, sku, lot);
  if (found) return found;
  if (!(await readTracking(tx, sku))) throw new AppError('UNKNOWN_SKU', `There is no product ${sku}.`);
  throw new AppError('UNKNOWN_LOT', `There is no lot ${lot} of ${sku}.`, { sku, lot });
}
