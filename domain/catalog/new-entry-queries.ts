import { execute, many, type Transaction } from '../../platform/database/database';
import type { NewCategory, NewProduct, NewWarehouse } from './types';

/** Adds categories that are missing; returns how many. */
export function insertCategories(tx: Transaction, categories: readonly NewCategory[]): Promise<number> {
  return execute(
    tx,
    'catalog.insert_categories',
    `insert into categories (code, name) select * from unnest($1::text[], $2::text[]) on conflict (code) do nothing`,
    [categories.map((c) => c.code), categories.map((c) => c.name)],
  );
}

/** Adds warehouses that are missing; returns how many. */
export function insertWarehouses(tx: Transaction, warehouses: readonly NewWarehouse[]): Promise<number> {
  return execute(
    tx,
    'catalog.insert_warehouses',
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

/** Adds products that are missing and leaves the others, price and all; returns the ones added. */
export function insertProducts(
  tx: Transaction,
  products: readonly NewProduct[],
  currency: string,
): Promise<{ id: number; sku: string }[]> {
  return many<{ id: number; sku: string }>(
    tx,
    'catalog.insert_products',
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
