import {
  execute,
  maybeOne,
  many,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import type { BatchCode } from '../ledger/rules';

export interface ResolvedKey {
  sku: string;
  location: string;
  productId: number | null;
  warehouseId: number | null;
  /** There is a stock row. Rows are never deleted. */
  hasRow: boolean;
}

/** What these names mean; one row for each pair. */
export function selectStockKeys(
  on: Queryable,
  pairs: readonly { sku: string; location: string }[],
): Promise<ResolvedKey[]> {
  return many<ResolvedKey>(
    on,
    'adjustments.stock_keys',
    `select u.sku, u.location, p.id as "productId", w.id as "warehouseId", s.product_id is not null as "hasRow"
     from unnest($1::text[], $2::text[]) as u (sku, location)
     left join products p on p.sku = u.sku
     left join warehouses w on w.code = u.location
     left join stock s on s.product_id = p.id and s.warehouse_id = w.id`,
    [pairs.map((pair) => pair.sku), pairs.map((pair) => pair.location)],
  );
}

/**
 * `[code or null, on hand, reserved, threshold, safety stock, 1 where the warehouse is closed]`: small, since each update has one. The
 * counts are null where there is no row. The last ones are left out where there is no safety stock and the warehouse is open.
 */
export type StoredOutcome = [BatchCode | null, number | null, number | null, number | null, number?, 1?];

export async function selectChunk(
  on: Queryable,
  batchId: string,
  chunk: number,
): Promise<StoredOutcome[] | undefined> {
  const row = await maybeOne<{ outcomes: StoredOutcome[] }>(
    on,
    'adjustments.chunk',
    'select outcomes from batch_chunks where batch_id = $1 and chunk = $2',
    [batchId, chunk],
  );
  return row?.outcomes;
}

/** False: it was there before. */
export async function insertChunk(
  tx: Transaction,
  batchId: string,
  chunk: number,
  outcomes: readonly StoredOutcome[],
): Promise<boolean> {
  const added = await execute(
    tx,
    'adjustments.insert_chunk',
    'insert into batch_chunks (batch_id, chunk, outcomes) values ($1, $2, $3) on conflict do nothing',
    [batchId, chunk, JSON.stringify(outcomes)],
  );
  return added === 1;
}
