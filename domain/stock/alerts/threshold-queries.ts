import {
  execute,
  maybeOne,
  many,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import type { CategoryMove } from '../../catalog/types';
import { BYTEWISE } from '../../../platform/database/pages';
import type { StockKey } from '../ledger/types';
import type { Thresholds } from './types';

/** Whose default: exactly one of the two is set. */
export interface DefaultOwner {
  productId: number | null;
  categoryId: number | null;
}

/**
 * Until the transaction ends. `alone`: who makes stock rows (`inherit_thresholds`) waits, or is waited for. `shared`: defaults
 * stay as they are.
 */
export function lockDefaults(tx: Transaction, how: 'alone' | 'shared'): Promise<number> {
  return how === 'alone'
    ? execute(tx, 'thresholds.lock_defaults', 'select pg_advisory_xact_lock(threshold_lock())')
    : execute(tx, 'thresholds.keep_defaults', 'select pg_advisory_xact_lock_shared(threshold_lock())');
}

export function upsertDefault(
  tx: Transaction,
  { productId, categoryId }: DefaultOwner,
  { lowStock, overstock, clearMargin }: Thresholds,
): Promise<number> {
  return execute(
    tx,
    'thresholds.upsert_default',
    `merge into threshold_defaults d
     using (values ($1::int, $2::int)) as o (product_id, category_id)
       on d.product_id = o.product_id or d.category_id = o.category_id
     when matched then update set low_stock = $3, overstock = $4::int, clear_margin = $5::int, updated_at = clock_timestamp()
     when not matched then insert (product_id, category_id, low_stock, overstock, clear_margin)
       values (o.product_id, o.category_id, $3, $4::int, $5::int)`,
    [productId, categoryId, lowStock, overstock, clearMargin],
  );
}

/** What was set for all of a product or a category; undefined: nothing. */
export function selectDefault(
  on: Queryable,
  { productId, categoryId }: DefaultOwner,
): Promise<Thresholds | undefined> {
  return maybeOne<Thresholds>(
    on,
    'thresholds.default',
    `select low_stock as "lowStock", overstock, clear_margin as "clearMargin" from threshold_defaults
     where product_id = $1 or category_id = $2`,
    [productId, categoryId],
  );
}

export function deleteProductDefault(tx: Transaction, productId: number): Promise<number> {
  return execute(
    tx,
    'thresholds.delete_product_default',
    'delete from threshold_defaults where product_id = $1',
    [productId],
  );
}

/** Products of a category after a SKU, by its bytes: in the order of their index. */
export function selectProductsOfCategory(
  on: Queryable,
  categoryId: number,
  after: string,
  limit: number,
): Promise<{ id: number; sku: string }[]> {
  return many(
    on,
    'thresholds.products_of_category',
    `select id, sku from products where category_id = $1 and sku ${BYTEWISE} > $2 order by sku ${BYTEWISE} limit $3`,
    [categoryId, after, limit],
  );
}

/** Rows of these products that follow a default and have other values than it gives, locked in the one lock order. */
export function selectOutdatedForUpdate(
  tx: Transaction,
  productIds: readonly number[],
): Promise<(StockKey & Thresholds)[]> {
  return many(
    tx,
    'thresholds.lock_outdated',
    `select s.product_id as "productId", s.warehouse_id as "warehouseId", coalesce(d.low_stock, 0) as "lowStock", d.overstock,
            d.clear_margin as "clearMargin"
     from stock s left join product_thresholds d on d.product_id = s.product_id
     where s.product_id = any ($1::int[]) and not s.own_thresholds
       and (s.low_stock_threshold, s.overstock_threshold, s.clear_margin)
         is distinct from (coalesce(d.low_stock, 0), d.overstock, d.clear_margin)
     order by s.product_id, s.warehouse_id for no key update of s`,
    [productIds],
  );
}

/**
 * Locks, in the one lock order, rows that follow the default of the category that their product goes to and have other values than it gives,
 * and all rows of the products `whole`.
 */
export function lockMovedRows(
  tx: Transaction,
  moves: readonly CategoryMove[],
  whole: readonly number[],
): Promise<number> {
  return execute(
    tx,
    'thresholds.lock_moved',
    `select from stock s
     left join unnest($1::int[], $2::int[]) as m (product_id, category_id) on m.product_id = s.product_id
     left join threshold_defaults d on d.category_id = m.category_id
     where s.product_id = any ($1::int[] || $3::int[])
       and (s.product_id = any ($3::int[]) or not s.own_thresholds
         and not exists (select from threshold_defaults o where o.product_id = s.product_id)
         and (s.low_stock_threshold, s.overstock_threshold, s.clear_margin)
           is distinct from (coalesce(d.low_stock, 0), d.overstock, d.clear_margin))
     order by s.product_id, s.warehouse_id for no key update of s`,
    [moves.map((move) => move.productId), moves.map((move) => move.categoryId), whole],
  );
}

/** The trigger on stock raises and resolves what this changes. The caller holds the rows' locks. */
export function updateThresholds(
  tx: Transaction,
  wanted: readonly (StockKey & Thresholds)[],
  own: boolean,
): Promise<number> {
  return execute(
    tx,
    'thresholds.update',
    `update stock s set low_stock_threshold = t.low_stock, overstock_threshold = t.overstock, clear_margin = t.clear_margin, own_thresholds = $5
     from unnest($1::int[], $2::int[], $3::int[], $4::int[], $6::int[])
       as t (product_id, warehouse_id, low_stock, overstock, clear_margin)
     where s.product_id = t.product_id and s.warehouse_id = t.warehouse_id`,
    [
      wanted.map((w) => w.productId),
      wanted.map((w) => w.warehouseId),
      wanted.map((w) => w.lowStock),
      wanted.map((w) => w.overstock),
      own,
      wanted.map((w) => w.clearMargin),
    ],
  );
}

/** What a product's rows inherit; undefined: nothing. */
export function selectInherited(on: Queryable, productId: number): Promise<Thresholds | undefined> {
  return maybeOne<Thresholds>(
    on,
    'thresholds.inherited',
    'select low_stock as "lowStock", overstock, clear_margin as "clearMargin" from product_thresholds where product_id = $1',
    [productId],
  );
}

export interface ThresholdsRow {
  sku: string;
  default: (Thresholds & { from: 'product' | 'category' }) | null;
  locations: (Thresholds & { warehouse: string; own: boolean })[];
}

export function selectThresholds(on: Queryable, sku: string): Promise<ThresholdsRow | undefined> {
  return maybeOne<ThresholdsRow>(
    on,
    'thresholds.of_sku',
    `select p.sku,
       (select json_build_object('lowStock', d.low_stock, 'overstock', d.overstock, 'clearMargin', d.clear_margin, 'from',
          case when exists (select from threshold_defaults o where o.product_id = p.id) then 'product' else 'category' end)
        from product_thresholds d where d.product_id = p.id) as default,
       coalesce((select json_agg(json_build_object('warehouse', w.code, 'lowStock', s.low_stock_threshold,
           'overstock', s.overstock_threshold, 'clearMargin', s.clear_margin, 'own', s.own_thresholds) order by w.code)
         from stock s join warehouses w on w.id = s.warehouse_id where s.product_id = p.id), '[]') as locations
     from products p where p.sku = $1`,
    [sku],
  );
}
