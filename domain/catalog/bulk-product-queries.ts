import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import type { ChangedProduct, FoundCategory, FoundSku, NewStoredProduct, StoredProduct } from './types';

/**
 * The products that SKUs mean: the one that has it exactly, else the only one that has it but for capitals. `alike` counts the
 * latter where none has it exactly.
 */
export function selectSkus(on: Queryable, skus: readonly string[]): Promise<FoundSku[]> {
  return many<FoundSku>(
    on,
    'catalog.find_skus',
    `select g.sku as given, m.id, coalesce(i.alike, 0)::int as alike, m.lot_tracked as lots, m.serialised as serials,
            m.category_id as "categoryId"
     from unnest($1::text[]) g (sku)
     left join products p on p.sku = g.sku
     left join lateral (select case when count(*) = 1 then min(q.id) end as id, count(*) as alike
                        from products q where p.id is null and lower(q.sku) = lower(g.sku)) i on true
     left join products m on m.id = coalesce(p.id, i.id)`,
    [skus],
  );
}

/** The same lock for each of these names as `lockName` takes, in one order. */
export function lockSkus(tx: Transaction, skus: readonly string[]): Promise<number> {
  return execute(
    tx,
    'catalog.lock_skus',
    `select pg_advisory_xact_lock(hashtext('catalog:sku'), name)
     from (select distinct hashtext(lower(sku)) as name from unnest($1::text[]) g (sku) order by name) ordered`,
    [skus],
  );
}

/** Products, locked in the order of their ids. */
export function selectProductsForUpdate(tx: Transaction, ids: readonly number[]): Promise<StoredProduct[]> {
  return many<StoredProduct>(
    tx,
    'catalog.lock_products',
    `select p.id, p.sku, p.name, p.description, c.code as category, p.price_minor as "priceMinor", p.currency, p.active,
            p.lot_tracked as lots, p.serialised as serials
     from products p left join categories c on c.id = p.category_id
     where p.id = any ($1::int[]) order by p.id for no key update of p`,
    [ids],
  );
}

/** Categories that have one of these codes, or have it but for capitals. */
export function selectCategoriesNamed(on: Queryable, codes: readonly string[]): Promise<FoundCategory[]> {
  return many<FoundCategory>(
    on,
    'catalog.categories_named',
    `select id, code, archived from categories
     where lower(code) = any (array(select lower(g.code) from unnest($1::text[]) g (code)))`,
    [codes],
  );
}

export function insertStoredProducts(
  tx: Transaction,
  products: readonly NewStoredProduct[],
): Promise<number> {
  return execute(
    tx,
    'catalog.insert_stored_products',
    `insert into products (sku, name, description, category_id, price_minor, currency, active, lot_tracked, serialised)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::boolean[], $8::boolean[],
                          $9::boolean[])`,
    [
      products.map((p) => p.sku),
      products.map((p) => p.name),
      products.map((p) => p.description),
      products.map((p) => p.categoryId),
      products.map((p) => p.priceMinor),
      products.map((p) => p.currency),
      products.map((p) => p.active),
      products.map((p) => p.lots),
      products.map((p) => p.serials),
    ],
  );
}

export function updateStoredProducts(tx: Transaction, products: readonly ChangedProduct[]): Promise<number> {
  return execute(
    tx,
    'catalog.update_stored_products',
    `update products p set name = c.name, description = c.description, category_id = c.category_id, price_minor = c.price_minor,
       currency = c.currency, active = c.active, version = version + 1, updated_at = clock_timestamp()
     from unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::boolean[])
       as c (id, name, description, category_id, price_minor, currency, active)
     where p.id = c.id`,
    [
      products.map((p) => p.id),
      products.map((p) => p.name),
      products.map((p) => p.description),
      products.map((p) => p.categoryId),
      products.map((p) => p.priceMinor),
      products.map((p) => p.currency),
      products.map((p) => p.active),
    ],
  );
}
