import type { Database, Queryable } from '../../platform/database/database';
import { selectProduct, selectProducts, updateTracking, type ProductRow } from './product-queries';
import type { ProductFilter, ProductView, Versioned } from './types';

export { updateTracking };

/** A product, also one that is no longer sold. Null: no such product. */
export async function readProduct(on: Queryable, sku: string): Promise<Versioned<ProductView> | null> {
  const row = await selectProduct(on, sku);
  return row ? { ...asView(row), version: row.version } : null;
}

/** A page of products, by SKU, which never changes: pages stay right while products come, go and change. `next` is the SKU to go on after, or null at the end. */
export async function listProducts(
  db: Database,
  filter: ProductFilter,
): Promise<{ items: ProductView[]; next: string | null }> {
  const found = await selectProducts(db, filter);
  const items = found.slice(0, filter.limit).map(asView);
  return { items, next: found.length > filter.limit ? (items.at(-1)?.sku ?? null) : null };
}

function asView({ version: _version, ...row }: ProductRow): ProductView {
  return { ...row, createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() };
}
