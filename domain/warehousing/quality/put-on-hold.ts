import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { findStockKey, lockStock } from '../../stock/ledger/stock-ledger';
import { unreserved } from '../../stock/ledger/rules';
import type { StockKey, StockLevel } from '../../stock/ledger/types';
import { holdSerials } from '../../stock/tracking/hold-serials';
import { findTracked, updateLotHeld } from '../../stock/tracking/tracking';
import { holdIn, readQualityHold } from './holds';
import { keepOnHold } from './keep-on-hold';
import { selectLot, selectOpenUnits, selectUnfoundSerials, type LotRow } from './queries';
import type { NewQualityHold, QualityHoldView } from './types';

/**
 * Takes units out of sale: they are reserved by a reservation of kind `quality`, which never falls due. Of a lot, and of named serial
 * numbers, also units that are promised: what is reserved is awaited, and taken before anybody else as soon as it is free; nothing
 * of it is packed or booked meanwhile. Who it was promised to is decided by `settlePromised`. The same hold again returns the first and
 * changes nothing. What a count did not find that is `resolving` is on the hold of that count: it is not there to be put on another.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; OUT_OF_STOCK with `available`; LOT_REQUIRED, NOT_TRACKED, UNKNOWN_LOT; SERIALS_REQUIRED,
 * UNITS_NAMED_TWICE, SERIAL_NOT_THERE, SERIAL_BLOCKED
 */
export async function putOnHold(db: Database, wanted: NewQualityHold): Promise<QualityHoldView> {
  const key = await findStockKey(db, wanted);
  return db.retrying(async (tx) => {
    const [level] = await lockStock(tx, [key]);
    const known = await readQualityHold(tx, wanted.holdId);
    if (known) return known;
    const lot = await lotOf(tx, key, wanted);
    await checkFound(tx, key, wanted);
    const most = await holdable(tx, key, { level, lot, isNamed: wanted.serials !== undefined });
    if (most < wanted.quantity) {
      throw new AppError('OUT_OF_STOCK', `Only ${most} can be put on hold.`, { available: most });
    }
    await writeHold(tx, key, wanted, { lot, free: unreserved(level) });
    return holdIn(tx, wanted.holdId);
  });
}

/** Promised units are put on hold only where it is known which they are. */
async function holdable(
  tx: Transaction,
  key: StockKey,
  { level, lot, isNamed }: { level: StockLevel | undefined; lot: LotRow | null; isNamed: boolean },
): Promise<number> {
  if (lot) return lot.free;
  if (!isNamed) return unreserved(level);
  return (level?.onHand ?? 0) - (await selectOpenUnits(tx, key));
}

async function lotOf(tx: Transaction, key: StockKey, wanted: NewQualityHold): Promise<LotRow | null> {
  const { sku, lot, serials, quantity } = wanted;
  const [product] = await findTracked(tx, [sku]);
  if (serials !== undefined && !product?.serialised)
    throw new AppError('NOT_TRACKED', `${sku} has no serial numbers.`, { sku });
  if (serials !== undefined && serials.length !== quantity) {
    throw new AppError(
      'SERIALS_REQUIRED',
      `${quantity} units of ${sku} need ${quantity} serial numbers, ${serials.length} were given.`,
      { sku },
    );
  }
  if (!product?.lotTracked) {
    if (lot !== undefined) throw new AppError('NOT_TRACKED', `${sku} is not kept by lot.`);
    return null;
  }
  if (lot === undefined) throw new AppError('LOT_REQUIRED', `${sku} is kept by lot: name the lot.`);
  const found = await selectLot(tx, key, lot);
  if (!found) throw new AppError('UNKNOWN_LOT', `There is no lot ${lot} of ${sku} at this location.`);
  return found;
}

/** What a count did not find is on its hold already, and nobody gives it up twice. */
async function checkFound(tx: Transaction, key: StockKey, { sku, serials = [] }: NewQualityHold) {
  const unfound = serials.length > 0 ? await selectUnfoundSerials(tx, key, serials) : [];
  if (unfound.length === 0) return;
  throw new AppError(
    'SERIAL_NOT_THERE',
    `A count of ${sku} did not find these, and awaits units that are promised: approve, count again or reject it first.`,
    { sku, serials: unfound },
  );
}

async function writeHold(
  tx: Transaction,
  key: StockKey,
  { holdId: id, sku, quantity, reason, serials = [], actor }: NewQualityHold,
  { lot, free }: { lot: LotRow | null; free: number },
): Promise<void> {
  const lotId = lot?.id ?? null;
  await keepOnHold(tx, key, { id, lotId, quantity, free, reason, actor, cause: 'person', asOf: null });
  if (lot) await updateLotHeld(tx, lot.id, quantity);
  await recordChange(tx, {
    actor,
    action: 'quality_hold.made',
    subject: { type: 'quality_hold', id },
    after: { sku, quantity },
  });
  if (serials.length > 0) await holdSerials(tx, { ...key, sku, holdId: id, serials });
}
