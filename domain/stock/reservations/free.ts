import type { Transaction } from '../../../platform/database/database';
import { closeLines, openLines, setReservationStatus, type OpenLine } from './reservations';
import { lockStock, postLedger } from '../ledger/ledger';
import type { Allocation, LedgerEntry } from '../ledger/types';
import { allocateBackorders, applyAllocation } from '../../ordering/backorders/allocate';

/** How a hold gives its stock back. */
export type FreedAs = 'release' | 'expire';

/**
 * Gives back everything that these holds hold, and serves waiting backorders with it. The caller has locked the holds, none
 * of which is an order's; this locks their stock rows, and so must come before the locks of anything later.
 */
export async function freeReservations(tx: Transaction, ids: readonly string[], as: FreedAs): Promise<void> {
  const lines = await openLines(tx, ids);
  await lockStock(tx, lines);
  await freeLockedLines(tx, ids, lines, as);
}

/** The same where the caller has locked the stock rows of these lines as well. */
export async function freeLockedLines(
  tx: Transaction,
  ids: readonly string[],
  lines: readonly OpenLine[],
  as: FreedAs,
): Promise<void> {
  // Sent together, and run by the server in this order.
  await Promise.all([
    closeLines(tx, lines),
    setReservationStatus(tx, ids, as === 'expire' ? 'expired' : 'cancelled'),
    postLedger(
      tx,
      lines.map(({ productId, warehouseId, openQuantity, reservationId }): LedgerEntry => {
        const reservedDelta = -openQuantity;
        const effectId = reservationId;
        return { productId, warehouseId, kind: as, onHandDelta: 0, reservedDelta, effectId, reservationId };
      }),
    ),
  ]);
  const freed = lines.map(({ productId, warehouseId, openQuantity: quantity }): Allocation => {
    return { productId, warehouseId, quantity };
  });
  await applyAllocation(tx, await allocateBackorders(tx, freed));
}
