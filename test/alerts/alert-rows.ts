import type { Database } from '../../platform/database/database';

/** `kind status` of a product's alerts, oldest first. */
export async function readAlerts(db: Database, sku: string): Promise<string[]> {
  const found = await db.pool.query<{ alert: string }>(
    `select kind || ' ' || status as alert from alerts
     where product_id = (select id from products where sku = $1) order by raised_at, id`,
    [sku],
  );
  return found.rows.map((row) => row.alert);
}
