import type { Database } from '../../platform/database/database';
import { selectLowPlaces, type LowStockFilter } from './low-stock-queries';

/** A place where a product is low or out of stock. Units. */
export interface LowPlace {
  alertId: string;
  status: 'low_stock' | 'out_of_stock';
  /** RFC 3339. */
  since: string;
  /** Who looks after it; null: nobody has said so. */
  acknowledgedBy: string | null;
  sku: string;
  name: string;
  location: string;
  onHand: number;
  reserved: number;
  safetyStock: number;
  available: number;
  threshold: number;
  /** On their way there from other locations. */
  incoming: number;
  /** Available at other open locations. */
  elsewhere: number;
  /** Units of the product that customers wait for. */
  backordered: number;
}

/** A page of places with low or no stock, longest first. `next` is the id to go on after, or null at the end. */
export async function listLowStock(
  db: Database,
  filter: LowStockFilter,
): Promise<{ items: LowPlace[]; next: string | null }> {
  const found = await selectLowPlaces(db, filter);
  const items = found.slice(0, filter.limit);
  return { items, next: found.length > filter.limit ? (items.at(-1)?.alertId ?? null) : null };
}
