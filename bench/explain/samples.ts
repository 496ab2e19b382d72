import type { Pool } from 'pg';
import { boundShare, selectShare } from '../../domain/assurance/share-queries';
import type { Database } from '../../platform/database/database';
import type { Samples } from './queries';

/**
 * Keys of rows of a database that was filled. The share is bounded as by a check that begins.
 *
 * @param leastRows of a share; those of the product unless given
 */
export async function findSamples(pool: Pool, db: Database, leastRows?: number): Promise<Samples> {
  await boundShare(db, leastRows);
  const share = await selectShare(db);
  const { rows } = await pool.query<Omit<Samples, 'share'>>(
    `select (select sku from products order by id limit 1) as "hotSku",
       (select sku from products order by id desc limit 1) as "coldSku",
       (select array_agg(sku) from (select sku from products order by hashtext(sku) limit 64) p) as skus,
       (select json_agg(json_build_object('productId', product_id, 'warehouseId', warehouse_id)) from (
          select product_id, warehouse_id from stock
          where product_id in (select id from products order by hashtext(sku) limit 300) and available > 5
          order by hashtext(product_id::text || warehouse_id) limit 100) s) as keys,
       (select id from orders where status = 'paid' limit 1) as "orderId",
       (select customer_id from orders limit 1) as "customerId",
       (select json_build_object('xid', xid::text::bigint, 'id', id) from inventory_transactions
        order by id desc offset 99999 limit 1) as recent`,
  );
  const [samples] = rows;
  if (!samples) throw new Error('the database is empty');
  return { ...samples, share };
}
