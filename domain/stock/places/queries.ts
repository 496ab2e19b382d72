import { many, type Queryable } from '../../../platform/database/database';

/**
 * Transactions that have the table of stock rows locked as those that allocate have it, by their virtual ids. PostgreSQL takes a
 * statement's locks of tables before its snapshot, so who does not appear here yet sees what was committed before.
 */
export async function selectStockWriters(on: Queryable): Promise<Set<string>> {
  const found = await many<{ transaction: string }>(
    on,
    'places.stock_writers',
    `select distinct virtualtransaction as transaction from pg_locks
     where locktype = 'relation' and relation = 'stock'::regclass and granted
       and database = (select oid from pg_database where datname = current_database())
       and mode in ('RowShareLock', 'RowExclusiveLock')`,
  );
  return new Set(found.map(({ transaction }) => transaction));
}
