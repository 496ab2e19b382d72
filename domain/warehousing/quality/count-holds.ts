import type { Transaction } from '../../../platform/database/database';
import { newId } from '../../../platform/ids';
import { takeBlocked } from '../../stock/ledger/stock-ledger';
import type { LedgerEntry, StockKey } from '../../stock/ledger/types';
import { closeLines, setReservationStatus } from '../../stock/reservations/reservations';
import { keepOnHold } from './keep-on-hold';
import { lockHold, updateHold, updateUnitsOfHold } from './queries';

/*
 * Units that a count did not find are on a hold of its own while any of them is promised: nobody else can get them, and what becomes
 * free of them is taken first. All under the lock of the stock row.
 */

export { selectOpenUnits as unitsOnHold } from './queries';

/** Puts units that a count did not find on hold; those that are promised to somebody are awaited. Returns the hold's id. */
export async function holdMissing(
  tx: Transaction,
  key: StockKey,
  missing: { quantity: number; free: number; asOf: string; reason: string; actor: string },
): Promise<string> {
  const id = newId();
  await keepOnHold(tx, key, { ...missing, id, lotId: null, cause: 'count' });
  return id;
}

/** What a hold of a count keeps, and awaits. Neither: a newer number has ended it. */
export async function readCountHold(
  tx: Transaction,
  holdId: string,
): Promise<{ kept: number; awaited: number }> {
  const hold = await lockHold(tx, holdId);
  if (!hold) throw new Error('a hold disappeared');
  return { kept: hold.open - hold.awaited, awaited: hold.awaited };
}

/** Brings a hold to as many units as its count misses by now: more than it keeps. */
export async function fitCountHold(
  tx: Transaction,
  key: StockKey,
  { holdId, missing }: { holdId: string; missing: number },
): Promise<void> {
  await updateUnitsOfHold(tx, holdId, missing);
  await takeBlocked(tx, [key]);
}

/** Ends a hold. Returns the entries that free what it keeps, for the caller to post. */
export async function endCountHold(
  tx: Transaction,
  key: StockKey,
  { holdId, actor }: { holdId: string; actor: string },
): Promise<LedgerEntry[]> {
  const { productId, warehouseId } = key;
  const { kept, awaited } = await readCountHold(tx, holdId);
  await updateHold(tx, holdId, { released: kept + awaited, writtenOff: 0, awaited });
  await setReservationStatus(tx, [holdId], 'cancelled');
  if (kept === 0) return [];
  await closeLines(tx, [{ productId, warehouseId, reservationId: holdId, openQuantity: kept }]);
  return [
    {
      productId,
      warehouseId,
      kind: 'quality_release',
      onHandDelta: 0,
      reservedDelta: -kept,
      effectId: newId(),
      reservationId: holdId,
      reference: `quality-hold:${holdId}`,
      actor,
    },
  ];
}
