import type { Transaction } from '../../../platform/database/database';
import { lockStock, type StockLedger } from '../ledger/stock-ledger';
import type { LedgerEntry } from '../ledger/types';
import {
  closeLines,
  openLines,
  setReservationsExpired,
  setReservationStatus,
  type OpenLine,
} from './reservations';

/** How a reservation gives its stock back. */
export type FreedAs = 'release' | 'expire';

/**
 * Gives back everything that these reservations keep, to those who wait for it first. The caller has locked the reservations,
 * none of which is an order's; this locks their stock rows, and so must come before the locks of anything later.
 */
export async function freeReservations(
  tx: Transaction,
  stock: StockLedger,
  ids: readonly string[],
  as: FreedAs,
  actor?: string,
): Promise<void> {
  const lines = await openLines(tx, ids);
  await lockStock(tx, lines);
  await freeLockedLines(tx, stock, { ids, lines, as, actor });
}

/** The same where the caller has locked the stock rows of these lines as well. */
export async function freeLockedLines(
  tx: Transaction,
  stock: StockLedger,
  freed: {
    ids: readonly string[];
    lines: readonly OpenLine[];
    as: FreedAs;
    /** The caller who gives it back; nobody in particular unless given. */
    actor?: string | undefined;
  },
): Promise<void> {
  const { ids, lines, as, actor } = freed;
  const by = actor === undefined ? {} : { actor };
  // Sent together, and run by the server in this order.
  const [, , taken] = await Promise.all([
    closeLines(tx, lines),
    as === 'expire'
      ? setReservationsExpired(tx, ids, 'standalone')
      : setReservationStatus(tx, ids, 'cancelled'),
    stock.post(
      tx,
      lines.map(({ productId, warehouseId, openQuantity, reservationId }): LedgerEntry => {
        const reservedDelta = -openQuantity;
        const effectId = reservationId;
        return {
          productId,
          warehouseId,
          kind: as,
          onHandDelta: 0,
          reservedDelta,
          effectId,
          reservationId,
          ...by,
        };
      }),
    ),
  ]);
  await taken?.write();
}
