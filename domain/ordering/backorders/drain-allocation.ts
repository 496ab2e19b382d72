import type { Database } from '../../../platform/database/database';
import { lockStock } from '../../stock/ledger/stock-ledger';
import type { LedgerEntry } from '../../stock/ledger/types';
import {
  closeLines,
  lockReservations,
  openLines,
  setReservationStatus,
} from '../../stock/reservations/reservations';
import { stock } from './stock-with-backorders';

/**
 * Hands on stock that was kept for backorders when a large arrival was more than one transaction should allocate. The whole
 * reservation is released and its units are allocated again under the same locks; what is still too much is kept in a new
 * one, with its own message. A reservation that has ended was drained before.
 */
export async function drainAllocation(db: Database, reservationId: string): Promise<void> {
  await db.retrying(async (tx) => {
    const [reservation] = await lockReservations(tx, [reservationId]);
    if (reservation?.kind !== 'allocation' || reservation.status !== 'pending') return;
    const lines = await openLines(tx, [reservationId]);
    await lockStock(tx, lines);
    await closeLines(tx, lines);
    await setReservationStatus(tx, [reservationId], 'cancelled');
    const effectId = reservationId;
    await stock.change(
      tx,
      lines.map(({ productId, warehouseId, openQuantity }): LedgerEntry => {
        return {
          productId,
          warehouseId,
          kind: 'release',
          onHandDelta: 0,
          reservedDelta: -openQuantity,
          effectId,
          reservationId,
        };
      }),
    );
  });
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** Hands the stock that waits in an allocation to backorders. */
    'allocation.drain': 'reservationId';
  }
}
