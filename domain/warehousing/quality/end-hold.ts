import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { closeLines, lockReservations, setReservationStatus } from '../../stock/reservations/reservations';
import {
  effectIsApplied,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { LedgerEntry } from '../../stock/ledger/types';
import { assignUnits } from '../../stock/tracking/assign-units';
import { moveLots, updateLotHeld } from '../../stock/tracking/tracking';
import { holdIn } from './holds';
import { lockHold, updateHold, type LockedHold } from './queries';
import type { QualityHoldView, QualityDecision } from './types';

/**
 * Gives units on quality hold back to sale: to those who wait first. Of a hold that is closed already, "all" is nothing.
 *
 * @throws NOT_FOUND; QUALITY_HOLD_EXCEEDED with `open` when less than that is on hold
 */
export function releaseFromHold(access: StockAccess, decision: QualityDecision): Promise<QualityHoldView> {
  return endHold(access, decision, 'quality_release');
}

/**
 * Takes units on quality hold off the stock for good.
 *
 * @throws NOT_FOUND; QUALITY_HOLD_EXCEEDED with `open` when less than that is on hold; what `assignUnits` throws
 */
export function writeOffHold(access: StockAccess, decision: QualityDecision): Promise<QualityHoldView> {
  return endHold(access, decision, 'write_off');
}

type Kind = 'quality_release' | 'write_off';

function endHold(
  { db, stock }: StockAccess,
  decision: QualityDecision,
  kind: Kind,
): Promise<QualityHoldView> {
  const { holdId, effectId } = decision;
  return db.retrying(async (tx) => {
    const [reservation] = await lockReservations(tx, [holdId]);
    const hold = reservation?.kind === 'quality' ? await lockHold(tx, holdId) : undefined;
    if (!hold) throw new AppError('NOT_FOUND', 'There is no such quality hold.');
    const quantity = decision.quantity ?? hold.open;
    if (quantity === 0 || (await effectIsApplied(tx, kind, effectId))) return holdIn(tx, holdId);
    if (quantity > hold.open) {
      throw new AppError('QUALITY_HOLD_EXCEEDED', `Only ${hold.open} are on hold.`, { open: hold.open });
    }
    await take(tx, stock, hold, { ...decision, quantity }, kind);
    return holdIn(tx, holdId);
  });
}

async function take(
  tx: Transaction,
  stock: StockLedger,
  hold: LockedHold,
  { holdId, quantity, serials, actor, effectId }: QualityDecision & { quantity: number },
  kind: Kind,
): Promise<void> {
  const { productId, warehouseId, lotId, lotCode, expiresOn } = hold;
  const key = { productId, warehouseId };
  const gone = kind === 'write_off' ? quantity : 0;
  const reference = `quality-hold:${holdId}`;
  await lockStock(tx, [key]);
  await closeLines(tx, [{ ...key, reservationId: holdId, openQuantity: quantity }]);
  await updateHold(tx, holdId, { released: quantity - gone, writtenOff: gone });
  if (lotId !== null) await updateLotHeld(tx, lotId, -quantity);
  if (lotCode !== null && gone > 0) {
    const move = { ...key, code: lotCode, expiresOn, units: -gone };
    await moveLots(tx, [move], { kind, effectId, orderId: null, reference });
  }
  if (quantity === hold.open) await setReservationStatus(tx, [holdId], 'cancelled');
  const entry: LedgerEntry = {
    ...key,
    kind,
    onHandDelta: -gone,
    reservedDelta: -quantity,
    effectId,
    reservationId: holdId,
    reference,
    actor,
  };
  if (gone > 0) await assignUnits(tx, entry, { serials });
  await stock.change(tx, [entry]);
}
