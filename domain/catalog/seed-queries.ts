import { execute, many, type Transaction } from '../../platform/database/database';
import type { StockKey } from '../stock/ledger/types';
import type { DemoProduct } from '../demo/demo-catalogue';
import type { DemoCategory, DemoWarehouse } from '../demo/demo-data';

/** Adds categories that are missing; answers how many. */
export function insertCategories(tx: Transaction, categories: readonly DemoCategory[]): Promise<number> {
  return execute(
    tx,
    'catalog.seed_categories',
    `insert into categories (code, name) select * from unnest($1::text[], $2::text[]) on conflict (code) do nothing`,
    [categories.map((c) => c.code), categories.map((c) => c.name)],
  );
}

/** Adds warehouses that are missing; answers how many. */
export function insertWarehouses(tx: Transaction, warehouses: readonly DemoWarehouse[]): Promise<number> {
  return execute(
    tx,
    'catalog.seed_warehouses',
    `insert into warehouses (code, name, address, latitude, longitude, region, priority)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::text[], $7::int[])
     on conflict (code) do nothing`,
    [
      warehouses.map((w) => w.code),
      warehouses.map((w) => w.name),
      warehouses.map((w) => w.address),
      warehouses.map((w) => w.latitude),
      warehouses.map((w) => w.longitude),
      warehouses.map((w) => w.region),
      warehouses.map((w) => w.priority),
    ],
  );
}

/** Adds products that are missing and leaves the others, price and all; answers the ones added. */
export function insertProducts(
  tx: Transaction,
  products: readonly DemoProduct[],
  currency: string,
): Promise<{ id: number; sku: string }[]> {
  return many<{ id: number; sku: string }>(
    tx,
    'catalog.seed_products',
    `insert into products (sku, name, description, category_id, price_minor, currency)
     select p.sku, p.name, p.description, c.id, p.price_minor, $6
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
       with ordinality as p (sku, name, description, category, price_minor, n)
     join categories c on c.code = p.category
     order by p.n
     on conflict (sku) do nothing
     returning id, sku`,
    [
      products.map((p) => p.sku),
      products.map((p) => p.name),
      products.map((p) => p.description),
      products.map((p) => p.category),
      products.map((p) => p.priceMinor),
      currency,
    ],
  );
}

/** Makes empty stock rows that warn below `lowStockThreshold` units. */
export function insertStockRows(
  tx: Transaction,
  keys: readonly StockKey[],
  lowStockThreshold: number,
): Promise<number> {
  return execute(
    tx,
    'catalog.seed_stock',
    `insert into stock (product_id, warehouse_id, low_stock_threshold)
     select product, warehouse, $3 from unnest($1::int[], $2::int[]) as k (product, warehouse) order by 1, 2`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId), lowStockThreshold],
  );
}
