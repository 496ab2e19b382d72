import type { Transaction } from '../../../platform/database/database';
import { stockKeyOf } from '../ledger/rules';
import type { StockKey } from '../ledger/types';
import { selectReservedUnits } from './holder-queries';
import type { ReservedUnits } from './types';

/**
 * What reserves the units of stock rows, by `stockKeyOf`: unpaid reservations first, then the newest. Of one row at most 100 are named and
 * all are counted, as far as they are found among its newest 20,000 ledger entries.
 */
export async function findReservedUnits(
  tx: Transaction,
  keys: readonly StockKey[],
): Promise<ReadonlyMap<string, { units: ReservedUnits[]; count: number }>> {
  const found = new Map<string, { units: ReservedUnits[]; count: number }>();
  if (keys.length === 0) return found;
  for (const { productId, warehouseId, count, ...units } of await selectReservedUnits(tx, keys)) {
    const key = stockKeyOf({ productId, warehouseId });
    found.set(key, { units: [...(found.get(key)?.units ?? []), units], count });
  }
  return found;
}
