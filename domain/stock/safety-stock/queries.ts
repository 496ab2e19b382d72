import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import type { StockKey } from '../ledger/types';
import type { SafetyStockView } from './types';

export function upsertDefault(tx: Transaction, productId: number, units: number): Promise<number> {
  return execute(
    tx,
    'safety_stock.upsert_default',
    `insert into safety_stock_defaults (product_id, units) values ($1, $2)
     on conflict (product_id) do update set units = excluded.units, updated_at = clock_timestamp()`,
    [productId, units],
  );
}

export function deleteDefault(tx: Transaction, productId: number): Promise<number> {
  return execute(
    tx,
    'safety_stock.delete_default',
    'delete from safety_stock_defaults where product_id = $1',
    [productId],
  );
}

/** What locations of a product without their own keep back; undefined: nothing is set. */
export function selectDefault(on: Queryable, productId: number): Promise<{ units: number } | undefined> {
  return maybeOne(
    on,
    'safety_stock.default',
    'select units from safety_stock_defaults where product_id = $1',
    [productId],
  );
}

/** Stock rows of a product that follow it. */
export function selectFollowing(on: Queryable, productId: number): Promise<StockKey[]> {
  return many<StockKey>(
    on,
    'safety_stock.following',
    `select product_id as "productId", warehouse_id as "warehouseId" from stock
     where product_id = $1 and not own_safety_stock`,
    [productId],
  );
}

/**
 * Sets what stock rows keep back. The trigger on stock raises and resolves alerts. The caller holds the rows' locks.
 *
 * @param own undefined: of each row it stays, and rows with their own are left out
 */
export function updateSafetyStock(
  tx: Transaction,
  { productId, warehouseIds, units, own }: SafetyStockOfRows,
): Promise<(StockKey & { available: number })[]> {
  return many(
    tx,
    'safety_stock.update',
    `update stock set safety_stock = $3, own_safety_stock = coalesce($4::boolean, own_safety_stock)
     where product_id = $1 and warehouse_id = any ($2::int[]) and ($4::boolean is not null or not own_safety_stock)
     returning product_id as "productId", warehouse_id as "warehouseId", available`,
    [productId, warehouseIds, units, own ?? null],
  );
}

export interface SafetyStockOfRows {
  productId: number;
  warehouseIds: readonly number[];
  units: number;
  own?: boolean | undefined;
}

export function selectSafetyStock(on: Queryable, sku: string): Promise<SafetyStockView | undefined> {
  return maybeOne<SafetyStockView>(
    on,
    'safety_stock.of_sku',
    `select p.sku, (select d.units from safety_stock_defaults d where d.product_id = p.id) as default,
       coalesce((select json_agg(json_build_object('warehouse', w.code, 'units', s.safety_stock, 'own', s.own_safety_stock) order by w.code)
         from stock s join warehouses w on w.id = s.warehouse_id where s.product_id = p.id), '[]') as locations
     from products p where p.sku = $1`,
    [sku],
  );
}
