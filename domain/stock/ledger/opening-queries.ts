import { execute, type Transaction } from '../../../platform/database/database';
import type { StockKey } from './types';

/** Makes empty stock rows that warn below `lowStockThreshold` units. */
export function insertEmptyStock(
  tx: Transaction,
  keys: readonly StockKey[],
  lowStockThreshold: number,
): Promise<number> {
  return execute(
    tx,
    'ledger.open_stock',
    `insert into stock (product_id, warehouse_id, low_stock_threshold)
     select product, warehouse, $3 from unnest($1::int[], $2::int[]) as k (product, warehouse) order by 1, 2`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId), lowStockThreshold],
  );
}
