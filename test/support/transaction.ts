import { AsyncLocalStorage } from 'node:async_hooks';
import type { PoolClient } from 'pg';
import type { Database } from '../../platform/database/database';

/**
 * A connection in a transaction that stays open for as long as the test takes: the server ends those of the product that
 * idle for ten seconds. The caller ends it, and releases the connection.
 */
export async function openTransaction(db: Database): Promise<PoolClient> {
  const client = await db.pool.connect();
  await client.query('begin');
  await client.query('set local idle_in_transaction_session_timeout = 0');
  return client;
}

/**
 * Runs what another process would do while a transaction of the test is open: inside that transaction's work the product
 * refuses the pool.
 */
export const asAnotherProcess = AsyncLocalStorage.snapshot();
