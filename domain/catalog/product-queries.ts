import {
  execute,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import type { ProductFilter } from './types';

export interface ProductRow {
  sku: string;
  name: string;
  description: string;
  category: string | null;
  priceMinor: number;
  currency: string;
  active: boolean;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `p.sku, p.name, p.description, c.code as category, p.price_minor as "priceMinor", p.currency, p.active,
  p.created_at as "createdAt", p.updated_at as "updatedAt"`;

export function selectProduct(on: Queryable, sku: string): Promise<ProductRow | undefined> {
  return maybeOne<ProductRow>(
    on,
    'catalog.product',
    `select ${COLUMNS} from products p left join categories c on c.id = p.category_id where p.sku = $1`,
    [sku],
  );
}

/** Products that are sold, by SKU; one more than asked for, to tell whether there are more. */
export function selectProducts(db: Database, filter: ProductFilter): Promise<ProductRow[]> {
  const query = db
    .builder('products as p')
    .leftJoin('categories as c', 'c.id', 'p.category_id')
    .select(db.builder.raw(COLUMNS))
    .where('p.active', true)
    .orderBy('p.sku')
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.category !== undefined) void query.where('c.code', filter.category);
  if (filter.after !== undefined) void query.where('p.sku', '>', filter.after);
  if (filter.q !== undefined) {
    const pattern = `%${filter.q.replace(/[\\%_]/g, '\\$&')}%`;
    void query.whereRaw('(p.sku ilike ? or p.name ilike ?)', [pattern, pattern]);
  }
  return db.list<ProductRow>(query);
}

/** What a product keeps beside counts. */
export function updateTracking(
  tx: Transaction,
  productId: number,
  keep: { lots: boolean; serials: boolean },
): Promise<number> {
  return execute(
    tx,
    'catalog.update_tracking',
    `update products set lot_tracked = $2, serialised = $3, updated_at = clock_timestamp()
     where id = $1 and (lot_tracked, serialised) is distinct from ($2, $3)`,
    [productId, keep.lots, keep.serials],
  );
}
