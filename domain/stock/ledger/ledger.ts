import type { Transaction } from '../../../platform/database/database';
import { insertLedger, selectStockForUpdate, updateStock, type StockChange } from './queries';
import type { LedgerEntry, StockKey, StockLevel } from './types';

/** Locks stock rows in the one lock order, (product, warehouse), and answers them. Keys may repeat. */
export async function lockStock(tx: Transaction, keys: readonly StockKey[]): Promise<StockLevel[]> {
  if (keys.length === 0) return [];
  const unique = new Map(keys.map((key) => [`${key.productId}:${key.warehouseId}`, key]));
  return selectStockForUpdate(tx, [...unique.values()]);
}

/**
 * Changes stock and writes why, in one transaction: there is no other way to change a counter.
 * The caller holds the rows' locks.
 *
 * @throws the constraint's error (BELOW_RESERVED, WOULD_GO_NEGATIVE, ALREADY_APPLIED after translation) and changes nothing.
 */
export async function postLedger(tx: Transaction, entries: readonly LedgerEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await Promise.all([updateStock(tx, foldChanges(entries)), insertLedger(tx, entries)]);
}

/** One change per stock row. */
export function foldChanges(entries: readonly LedgerEntry[]): StockChange[] {
  const changes = new Map<string, StockChange>();
  for (const { productId, warehouseId, onHandDelta, reservedDelta } of entries) {
    const key = `${productId}:${warehouseId}`;
    const change = changes.get(key);
    if (change) {
      change.onHandDelta += onHandDelta;
      change.reservedDelta += reservedDelta;
    } else {
      changes.set(key, { productId, warehouseId, onHandDelta, reservedDelta });
    }
  }
  return [...changes.values()];
}
