import type { Database } from '../../platform/database/database';
import { selectLowPlaces, type LowStockFilter } from './low-stock-queries';
import type { LowPlace } from './types';

/** A page of places with low or no stock, longest first. `next` is the id to go on after, or null at the end. */
export async function listLowStock(
  db: Database,
  filter: LowStockFilter,
): Promise<{ items: LowPlace[]; next: string | null }> {
  const found = await selectLowPlaces(db, filter);
  const items = found.slice(0, filter.limit);
  return { items, next: found.length > filter.limit ? (items.at(-1)?.alertId ?? null) : null };
}
