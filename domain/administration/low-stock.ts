import type { Database } from '../../platform/database/database';
import { cutPage } from '../../platform/database/pages';
import { selectLowPlaces, type LowStockFilter } from './low-stock-queries';
import type { LowPlace } from './types';

/** A page of places with low or no stock, longest first. `next` is the id to go on after, or null at the end. */
export async function listLowStock(
  db: Database,
  filter: LowStockFilter,
): Promise<{ items: LowPlace[]; next: string | null }> {
  const found = await selectLowPlaces(db, filter);
  const { shown, next } = cutPage(found, filter.limit, ({ alertId }) => alertId);
  return { items: shown, next };
}
