import { execute, type Transaction } from '../../platform/database/database';

/** Two that make the same name at once, but for capitals, do it one after the other. Held until the transaction ends. */
export function lockName(
  tx: Transaction,
  kind: 'sku' | 'warehouse' | 'category' | 'merchant',
  name: string,
): Promise<number> {
  return execute(tx, 'catalog.lock_name', 'select pg_advisory_xact_lock(hashtext($1), hashtext(lower($2)))', [
    `catalog:${kind}`,
    name,
  ]);
}
