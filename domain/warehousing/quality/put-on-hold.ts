import type { Database, Transaction } from '../../../platform/database/database';
import { AppError, isSubjectsOwn } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { actOnEach, failedSubjects, forgetSettled } from '../../stock/alerts/failed-work';
import { findStockKey, lockStock, reserve } from '../../stock/ledger/stock-ledger';
import type { StockKey } from '../../stock/ledger/types';
import { findTracked, updateLotHeld } from '../../stock/tracking/tracking';
import { holdIn, readQualityHold } from './holds';
import { insertHold, selectExpiredLots, selectLot, selectSettledLotFailures, type LotRow } from './queries';
import type { NewQualityHold, QualityHoldView } from './types';

/**
 * Takes available units out of sale: they are reserved by a reservation of kind `quality`, which never falls due. Units that are
 * promised to somebody cannot be put on hold. The same hold again returns the first and changes nothing.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; OUT_OF_STOCK with `available`; LOT_REQUIRED, NOT_TRACKED, UNKNOWN_LOT
 */
export async function putOnHold(db: Database, wanted: NewQualityHold): Promise<QualityHoldView> {
  const key = await findStockKey(db, wanted);
  return db.retrying(async (tx) => {
    const [level] = await lockStock(tx, [key]);
    const known = await readQualityHold(tx, wanted.holdId);
    if (known) return known;
    const lot = await lotOf(tx, key, wanted);
    const available = Math.min(level?.available ?? 0, lot?.free ?? Number.POSITIVE_INFINITY);
    if (available < wanted.quantity) {
      throw new AppError('OUT_OF_STOCK', `Only ${available} can be put on hold.`, { available });
    }
    await writeHold(tx, key, wanted, lot);
    return holdIn(tx, wanted.holdId);
  });
}

const EXPIRED_BATCH = 100;

/**
 * Puts what is left of lots past their last day of sale on hold, as far as it is not promised to anybody. Safe to run at any
 * time: what is on hold is not put there again. A lot that fails by an error of its own stops no other: an alert tells of it, and
 * it is tried again after a while. Returns the units.
 */
export async function holdExpiredLots(db: Database, beat: () => void = () => undefined): Promise<number> {
  let units = 0;
  await forgetSettled(db, 'hold_expired_lot', selectSettledLotFailures);
  const failed = await failedSubjects(db, 'hold_expired_lot');
  for (;;) {
    const lots = await selectExpiredLots(db, EXPIRED_BATCH);
    let held = 0;
    const failures = await actOnEach(lots, failed, {
      db,
      work: 'hold_expired_lot',
      idOf: ({ id }) => String(id),
      isOwn: isSubjectsOwn,
      async act({ sku, location, code: lot, expiresOn }) {
        beat();
        const reason = `lot ${lot} expired on ${expiresOn}`;
        held += await holdFreeUnits(db, { holdId: newId(), sku, location, lot, reason, actor: 'system' });
      },
    });
    units += held;
    // What failed is put off, so the next batch has others. Without progress the same lots would come again.
    if (lots.length < EXPIRED_BATCH || held + failures === 0) return units;
  }
}

async function holdFreeUnits(db: Database, wanted: Omit<NewQualityHold, 'quantity'>): Promise<number> {
  const key = await findStockKey(db, wanted);
  return db.retrying(async (tx) => {
    const [level] = await lockStock(tx, [key]);
    const lot = await selectLot(tx, key, wanted.lot ?? '');
    const quantity = Math.min(level?.available ?? 0, lot?.free ?? 0);
    if (!lot || quantity <= 0) return 0;
    await writeHold(tx, key, { ...wanted, quantity }, lot);
    return quantity;
  });
}

async function lotOf(tx: Transaction, key: StockKey, { sku, lot }: NewQualityHold): Promise<LotRow | null> {
  const [product] = await findTracked(tx, [sku]);
  if (!product?.lotTracked) {
    if (lot !== undefined) throw new AppError('NOT_TRACKED', `${sku} is not kept by lot.`);
    return null;
  }
  if (lot === undefined) throw new AppError('LOT_REQUIRED', `${sku} is kept by lot: name the lot.`);
  const found = await selectLot(tx, key, lot);
  if (!found) throw new AppError('UNKNOWN_LOT', `There is no lot ${lot} of ${sku} at this location.`);
  return found;
}

async function writeHold(
  tx: Transaction,
  key: StockKey,
  { holdId: id, quantity, reason, actor }: Omit<NewQualityHold, 'sku' | 'location' | 'lot'>,
  lot: LotRow | null,
): Promise<void> {
  await reserve(tx, {
    kind: 'quality_hold',
    reservations: [
      {
        id,
        kind: 'quality',
        orderId: null,
        status: 'confirmed',
        attempt: 0,
        holdSeconds: null,
        allocations: [{ ...key, quantity }],
      },
    ],
    reason,
    actor,
  });
  await insertHold(tx, { ...key, id, lotId: lot?.id ?? null, quantity, reason, actor });
  if (lot) await updateLotHeld(tx, lot.id, quantity);
}
