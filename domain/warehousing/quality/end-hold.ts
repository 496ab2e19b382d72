import type { RetryLimits, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { closeLines, setReservationStatus } from '../../stock/reservations/reservations';
import {
  effectIsApplied,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { LedgerEntry } from '../../stock/ledger/types';
import { assignUnits } from '../../stock/tracking/assign-units';
import { freeSerials, serialsOfHold } from '../../stock/tracking/hold-serials';
import { moveLots, updateLotHeld } from '../../stock/tracking/tracking';
import { holdIn } from './holds';
import { lockHold, selectHoldKey, updateHold, type LockedHold } from './queries';
import type { QualityHoldView, QualityDecision } from './types';

/**
 * Gives units on quality hold back to sale: to those who wait first. Units that the hold still awaits stay with whom they are promised
 * to, and go before the others. Of a hold that is closed already, "all" is nothing.
 *
 * @param limits of its transaction
 * @throws NOT_FOUND; HOLD_OF_COUNT; QUALITY_HOLD_EXCEEDED with `open` when less than that is on hold; LOT_BLOCKED while its lot
 *   has expired or is recalled; SERIAL_NOT_THERE
 */
export function releaseFromHold(
  access: StockAccess,
  decision: QualityDecision,
  limits?: RetryLimits,
): Promise<QualityHoldView> {
  return endHold(access, decision, 'quality_release', limits);
}

/**
 * Takes units on quality hold off the stock for good: those that it keeps, not those that it awaits.
 *
 * @throws NOT_FOUND; HOLD_OF_COUNT; QUALITY_HOLD_EXCEEDED with `open` when less than that is on hold; what `assignUnits` throws
 */
export function writeOffHold(access: StockAccess, decision: QualityDecision): Promise<QualityHoldView> {
  return endHold(access, decision, 'write_off');
}

type Kind = 'quality_release' | 'write_off';

/** A hold changes under the lock of its stock row alone: whatever becomes available there may be taken for it. */
function endHold(
  { db, stock }: StockAccess,
  decision: QualityDecision,
  kind: Kind,
  limits?: RetryLimits,
): Promise<QualityHoldView> {
  const { holdId, effectId } = decision;
  return db.retrying(async (tx) => {
    const key = await selectHoldKey(tx, holdId);
    if (!key) throw new AppError('NOT_FOUND', 'There is no such quality hold.');
    await lockStock(tx, [key]);
    const hold = await lockHold(tx, holdId);
    if (!hold) throw new AppError('NOT_FOUND', 'There is no such quality hold.');
    if (hold.cause === 'count') {
      throw new AppError(
        'HOLD_OF_COUNT',
        'A count keeps these units: reject it or count again, and they are free.',
      );
    }
    const open = kind === 'write_off' ? hold.open - hold.awaited : hold.open;
    const quantity = decision.quantity ?? open;
    if (quantity === 0 || (await effectIsApplied(tx, kind, effectId))) return holdIn(tx, holdId);
    if (quantity > open) {
      throw new AppError('QUALITY_HOLD_EXCEEDED', `Only ${open} are on hold.`, { open });
    }
    if (kind === 'quality_release' && hold.isBlocked) {
      throw new AppError(
        'LOT_BLOCKED',
        `Lot ${hold.lotCode ?? ''} has expired or is recalled: correct that first.`,
        { lot: hold.lotCode },
      );
    }
    await take(tx, stock, hold, { ...decision, quantity }, kind);
    return holdIn(tx, holdId);
  }, limits);
}

async function take(
  tx: Transaction,
  stock: StockLedger,
  hold: LockedHold,
  { holdId, quantity, serials: named = [], actor, effectId }: QualityDecision & { quantity: number },
  kind: Kind,
): Promise<void> {
  const { productId, warehouseId, sku, lotId, lotCode, expiresOn } = hold;
  const key = { productId, warehouseId };
  const gone = kind === 'write_off' ? quantity : 0;
  const awaited = gone > 0 ? 0 : Math.min(quantity, hold.awaited);
  const kept = quantity - awaited;
  const reference = `quality-hold:${holdId}`;
  const serials = hold.hasSerials
    ? await serialsOfHold(tx, { productId, sku, holdId, quantity, named })
    : named.map((serial) => ({ id: null, serial }));
  if (kept > 0) await closeLines(tx, [{ ...key, reservationId: holdId, openQuantity: kept }]);
  await recordChange(tx, {
    actor,
    action: gone > 0 ? 'quality_hold.written_off' : 'quality_hold.released',
    subject: { type: 'quality_hold', id: holdId },
    after: { quantity },
  });
  await updateHold(tx, holdId, { released: quantity - gone, writtenOff: gone, awaited });
  if (lotId !== null) await updateLotHeld(tx, lotId, -quantity);
  if (lotCode !== null && gone > 0) {
    const move = { ...key, code: lotCode, expiresOn, units: -gone };
    await moveLots(tx, [move], { kind, effectId, orderId: null, reference });
  }
  if (quantity === hold.open) await setReservationStatus(tx, [holdId], 'cancelled');
  if (gone === 0)
    await freeSerials(
      tx,
      serials.flatMap(({ id }) => id ?? []),
    );
  const entry: LedgerEntry = {
    ...key,
    kind,
    onHandDelta: -gone,
    reservedDelta: -kept,
    effectId,
    reservationId: holdId,
    reference,
    actor,
  };
  if (gone > 0) await assignUnits(tx, entry, { serials: serials.map(({ serial }) => serial) });
  await stock.change(tx, [entry]);
}
