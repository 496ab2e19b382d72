import {
  execute,
  many,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { ProductFields, ProductFilter } from './types';

/**
 * The id of a product, for statements that PostgreSQL is to plan for this very product: of one that is much sold it reads a list from its
 * newest end, of one that hardly is it looks the few up. Undefined: there is none.
 */
export async function selectProductId(on: Queryable, sku: string): Promise<number | undefined> {
  const row = await maybeOne<{ id: number }>(
    on,
    'catalog.product_id',
    'select id from products where sku = $1',
    [sku],
  );
  return row?.id;
}

export interface ProductRow {
  sku: string;
  name: string;
  description: string;
  category: string | null;
  priceMinor: number;
  currency: string;
  merchant: string;
  active: boolean;
  createdAt: Date;
  updatedAt: Date;
  version: number;
}

const COLUMNS = `p.sku, p.name, p.description, c.code as category, p.price_minor as "priceMinor", p.currency, m.code as merchant,
  p.active, p.created_at as "createdAt", p.updated_at as "updatedAt", p.version`;

export function selectProduct(on: Queryable, sku: string): Promise<ProductRow | undefined> {
  return maybeOne<ProductRow>(
    on,
    'catalog.product',
    `select ${COLUMNS} from products p join merchants m on m.id = p.merchant_id left join categories c on c.id = p.category_id
     where p.sku = $1`,
    [sku],
  );
}

/** Products that are sold, or those that are not, by the bytes of their SKU; one more than asked for, to tell whether there are more. */
export function selectProducts(db: Database, filter: ProductFilter): Promise<ProductRow[]> {
  const query = db
    .builder('products as p')
    .join('merchants as m', 'm.id', 'p.merchant_id')
    .leftJoin('categories as c', 'c.id', 'p.category_id')
    .select(db.builder.raw(COLUMNS))
    .where('p.active', filter.archived !== true)
    .orderByRaw(`p.sku ${BYTEWISE}`)
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.category !== undefined) void query.where('c.code', filter.category);
  if (filter.after !== undefined) void query.whereRaw(`p.sku ${BYTEWISE} > ?`, [filter.after]);
  if (filter.q !== undefined) {
    const pattern = `%${filter.q.replace(/[\\%_]/g, '\\$&')}%`;
    void query.whereRaw('(p.sku ilike ? or p.name ilike ?)', [pattern, pattern]);
  }
  if (filter.currency !== undefined) void query.where('p.currency', filter.currency);
  if (filter.minPriceMinor !== undefined) void query.where('p.price_minor', '>=', filter.minPriceMinor);
  if (filter.maxPriceMinor !== undefined) void query.where('p.price_minor', '<=', filter.maxPriceMinor);
  if (filter.available !== undefined)
    void query.whereRaw(
      `exists (select from stock s join warehouses w on w.id = s.warehouse_id and w.active
               where s.product_id = p.id and s.available > 0) = ?`,
      [filter.available],
    );
  return db.list<ProductRow>(query);
}

/** SKUs that are this one but for capitals: at most a few. */
export function selectAlike(on: Queryable, sku: string): Promise<{ sku: string }[]> {
  return many(
    on,
    'catalog.skus_alike',
    'select sku from products where lower(sku) = lower($1) order by sku',
    [sku],
  );
}

export function insertProduct(
  tx: Transaction,
  sku: string,
  { name, description, priceMinor, currency }: ProductFields,
  { categoryId, merchantId }: { categoryId: number | null; merchantId: number },
): Promise<number> {
  return execute(
    tx,
    'catalog.insert_product',
    `insert into products (sku, name, description, category_id, price_minor, currency, merchant_id) values ($1, $2, $3, $4, $5, $6, $7)`,
    [sku, name, description, categoryId, priceMinor, currency, merchantId],
  );
}

export interface BeforeProduct extends ProductFields {
  id: number;
  version: number;
  categoryId: number | null;
  merchant: string;
  merchantId: number;
}

/** A product as it is, before it is changed. */
export function selectBefore(on: Queryable, sku: string): Promise<BeforeProduct | undefined> {
  return maybeOne(
    on,
    'catalog.product_before',
    `select p.id, p.version, p.name, p.description, p.price_minor as "priceMinor", p.currency, c.id as "categoryId", c.code as category,
       m.id as "merchantId", m.code as merchant
     from products p join merchants m on m.id = p.merchant_id left join categories c on c.id = p.category_id where p.sku = $1`,
    [sku],
  );
}

/** Returns 0 where there is no such product, or it has another version. */
export function updateProductFields(
  tx: Transaction,
  sku: string,
  { name, description, priceMinor, currency }: ProductFields,
  { categoryId, merchantId, version }: { categoryId: number | null; merchantId: number; version: number },
): Promise<number> {
  return execute(
    tx,
    'catalog.update_product',
    `update products set name = $2, description = $3, category_id = $4, price_minor = $5, currency = $6,
       merchant_id = $8, version = version + 1, updated_at = clock_timestamp()
     where sku = $1 and version = $7`,
    [sku, name, description, categoryId, priceMinor, currency, version, merchantId],
  );
}

/** Whether it is sold. Returns 0 where it is so already, or there is no such product. */
export function updateProductActive(tx: Transaction, sku: string, active: boolean): Promise<number> {
  return execute(
    tx,
    'catalog.update_product_active',
    `update products set active = $2, version = version + 1, updated_at = clock_timestamp() where sku = $1 and active <> $2`,
    [sku, active],
  );
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
