import type { Transaction } from '../../../platform/database/database';
import { readActive } from '../../catalog/warehouse-state';
import { listWarehouses } from '../../catalog/warehouses';
import { lockStock } from '../../stock/ledger/stock-ledger';
import type { Allocation, StockKey, StockLevel } from '../../stock/ledger/types';

/** Locks the stock of a product at a place, and wherever else orders are placed from. */
export async function lockEverywhere(
  tx: Transaction,
  { productId, warehouseId }: StockKey,
): Promise<StockLevel[]> {
  const places = (await listWarehouses(tx)).filter(({ active, id }) => active || id === warehouseId);
  const levels = await lockStock(
    tx,
    places.map(({ id }) => ({ productId, warehouseId: id })),
  );
  // One may have closed since they were listed: whoever closes it waits only for those who have locked its stock.
  const open = await readActive(tx);
  return levels.filter((level) => open.has(level.warehouseId) || level.warehouseId === warehouseId);
}

export interface Wanted {
  /** From where they are moved. */
  place: StockKey;
  units: number;
  levels: readonly StockLevel[];
}

/** From where else units may come: the fewest places, those with the most available first. */
export function planElsewhere({ place, units, levels }: Wanted, without: readonly number[]): Allocation[] {
  const found: Allocation[] = [];
  let open = units;
  const others = levels
    .filter((level) => level.warehouseId !== place.warehouseId && !without.includes(level.warehouseId))
    .sort((a, b) => b.available - a.available || a.warehouseId - b.warehouseId);
  for (const { productId, warehouseId, available } of others) {
    const quantity = Math.min(open, available);
    if (quantity <= 0) break;
    found.push({ productId, warehouseId, quantity });
    open -= quantity;
  }
  return found;
}

/** What these levels leave once units were taken. */
export function without(levels: readonly StockLevel[], taken: readonly Allocation[]): readonly StockLevel[] {
  if (taken.length === 0) return levels;
  const units = new Map(taken.map(({ warehouseId, quantity }) => [warehouseId, quantity]));
  return levels.map((level) => ({
    ...level,
    available: level.available - (units.get(level.warehouseId) ?? 0),
  }));
}

export function unitsOf(allocations: readonly Allocation[]): number {
  return allocations.reduce((sum, { quantity }) => sum + quantity, 0);
}
