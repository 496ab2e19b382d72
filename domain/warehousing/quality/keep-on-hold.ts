import type { Transaction } from '../../../platform/database/database';
import { reserve } from '../../stock/ledger/stock-ledger';
import type { StockKey } from '../../stock/ledger/types';
import { insertHold } from './queries';
import type { HoldCause } from './types';

/** A hold of units of a place, of which `free` can be kept at once; the rest is awaited. */
export interface HoldToWrite {
  id: string;
  lotId: number | null;
  quantity: number;
  /** Units of the place that nobody is promised. */
  free: number;
  reason: string;
  actor: string;
  cause: HoldCause;
  /** Of a count: as of when it is true. */
  asOf: string | null;
}

/** Writes a quality hold with the reservation that keeps its units. The caller has the lock of the stock row. */
export async function keepOnHold(
  tx: Transaction,
  key: StockKey,
  { free, ...hold }: HoldToWrite,
): Promise<void> {
  const { id, quantity, reason, actor } = hold;
  const kept = Math.min(quantity, Math.max(0, free));
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
        allocations: kept > 0 ? [{ ...key, quantity: kept }] : [],
      },
    ],
    reason,
    actor,
  });
  await insertHold(tx, { ...key, ...hold, awaited: quantity - kept });
}
