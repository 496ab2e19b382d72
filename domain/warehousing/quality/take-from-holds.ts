import type { Transaction } from '../../../platform/database/database';
import { newId } from '../../../platform/ids';
import type { LedgerEntry, StockKey } from '../../stock/ledger/types';
import { closeLines, setReservationStatus } from '../../stock/reservations/reservations';
import { updateLotHeld } from '../../stock/tracking/tracking';
import { selectHoldsOfLot, updateHold } from './queries';

/**
 * Takes units of a lot off the holds that it is on because it has expired or is recalled, for whoever takes back that they ever came. The
 * caller holds the stock row's lock, and writes the entries with its own.
 *
 * @returns the entries, of as many units as there were, at most `units`
 */
export async function takeFromHolds(
  tx: Transaction,
  { lotId, units, actor, ...key }: StockKey & { lotId: number; units: number; actor: string },
): Promise<LedgerEntry[]> {
  const { productId, warehouseId } = key;
  const entries: LedgerEntry[] = [];
  let open = units;
  for (const hold of await selectHoldsOfLot(tx, lotId)) {
    const quantity = Math.min(open, hold.open - hold.awaited);
    if (quantity <= 0) continue;
    open -= quantity;
    await closeLines(tx, [{ productId, warehouseId, reservationId: hold.id, openQuantity: quantity }]);
    await updateHold(tx, hold.id, { released: quantity, writtenOff: 0, awaited: 0 });
    if (quantity === hold.open) await setReservationStatus(tx, [hold.id], 'cancelled');
    entries.push({
      productId,
      warehouseId,
      kind: 'quality_release',
      onHandDelta: 0,
      reservedDelta: -quantity,
      effectId: newId(),
      reservationId: hold.id,
      reference: `quality-hold:${hold.id}`,
      actor,
    });
  }
  if (open < units) await updateLotHeld(tx, lotId, open - units);
  return entries;
}
