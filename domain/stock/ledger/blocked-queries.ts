import { many, type Queryable, type Transaction } from '../../../platform/database/database';
import type { Allocation, StockKey } from './types';

/**
 * Puts what is blocked at these places on quality hold, as far as it is available: units that holds await, then units of lots that have
 * expired or were recalled, of which the rest is awaited. The caller holds the stock rows' locks.
 *
 * @returns units taken, each stock row once
 */
export function takeBlocked(tx: Transaction, keys: readonly StockKey[]): Promise<Allocation[]> {
  return many<Allocation>(
    tx,
    'ledger.take_blocked',
    `select product as "productId", warehouse as "warehouseId", units as quantity from hold_blocked_units($1::int[], $2::int[])`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}

/** Products of which something is to be put on hold as soon as it is available. */
export async function selectBlockedProducts(on: Queryable): Promise<number[]> {
  const found = await many<{ productId: number }>(
    on,
    'ledger.blocked_products',
    `select product_id as "productId" from quality_holds where awaited > 0
     union
     select product_id from lots where expires_on < today_utc() and expires_on is not null and quantity > held
     union
     select product_id from product_lots where recalled_at is not null`,
  );
  return found.map((row) => row.productId);
}
