import type { Transaction } from '../../../platform/database/database';
import { stockKeyOf } from '../ledger/rules';
import type { StockKey } from '../ledger/types';
import { selectReservedUnits } from './holder-queries';
import type { ReservedUnits } from './types';

/**
 * What reserves the units of stock rows, by `stockKeyOf`: unpaid reservations first, then the newest. Of one row at most 100, found among
 * its newest 20,000 ledger entries: a reservation that is older than those is not named.
 */
export async function findReservedUnits(
  tx: Transaction,
  keys: readonly StockKey[],
): Promise<ReadonlyMap<string, ReservedUnits[]>> {
  const found = new Map<string, ReservedUnits[]>();
  if (keys.length === 0) return found;
  for (const { productId, warehouseId, ...units } of await selectReservedUnits(tx, keys)) {
    const key = stockKeyOf({ productId, warehouseId });
    found.set(key, [...(found.get(key) ?? []), units]);
  }
  return found;
}
