import type { Database } from '../../../platform/database/database';
import {
  closeLines,
  lockReservations,
  openLines,
  setReservationStatus,
} from '../../stock/reservations/reservations';
import { lockStock, postLedger } from '../../stock/ledger/ledger';
import type { LedgerEntry } from '../../stock/ledger/types';
import { allocateBackorders, applyAllocation } from './allocate';

/**
 * Hands on stock that was kept for backorders when a large arrival was more than one transaction should allocate. The whole
 * hold is opened and allocated again under the same locks; what is still too much is kept in a new hold, with its own message.
 * A hold that is gone was drained before.
 */
export async function drainAllocation(db: Database, reservationId: string): Promise<void> {
  await db.retrying(async (tx) => {
    const [hold] = await lockReservations(tx, [reservationId]);
    if (hold?.kind !== 'allocation' || hold.status !== 'pending') return;
    const lines = await openLines(tx, [reservationId]);
    await lockStock(tx, lines);
    await closeLines(tx, lines);
    await setReservationStatus(tx, [reservationId], 'cancelled');
    const effectId = reservationId;
    await postLedger(
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
    const freed = lines.map(({ productId, warehouseId, openQuantity: quantity }) => ({
      productId,
      warehouseId,
      quantity,
    }));
    await applyAllocation(tx, await allocateBackorders(tx, freed));
  });
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** Hands the stock that waits in an allocation to backorders. */
    'allocation.drain': 'reservationId';
  }
}
