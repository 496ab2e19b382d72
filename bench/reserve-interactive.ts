import type { Pool } from 'pg';
import type { Database } from '../platform/database/database';

const UNITS = 1_000_000;

/** One warehouse and `count` products, BENCH-1 and on, with stock that does not run out. */
export async function stockUp(db: Database, count: number): Promise<void> {
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('AMS', 'Amsterdam', 52.3, 4.9, 'eu-west')`,
  );
  await db.pool.query(
    `insert into products (sku, name, price_minor, currency) select 'BENCH-' || n, 'Bench ' || n, 1000, 'USD' from generate_series(1, $1::int) n`,
    [count],
  );
  await db.pool.query(
    `with added as (insert into stock (product_id, warehouse_id, on_hand) select id, 1, $1 from products returning product_id)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, 1, 'opening', $1, 0, gen_random_uuid() from added`,
    [UNITS],
  );
  await db.pool.query('vacuum analyze');
}

/** One reservation the way it is usually written: a transaction that locks the row, reads, and writes, a round trip each. */
export async function reserveInteractively(pool: Pool, productNumber: number, id: string): Promise<void> {
  const client = await pool.connect();
  const step = (name: string, text: string, values: unknown[]) =>
    client.query<{ product_id: number; available: number }>({ name: `bench.${name}`, text, values });
  try {
    await client.query('BEGIN');
    const { rows } = await step(
      'lock',
      `select s.product_id, s.available from stock s join products p on p.id = s.product_id
       where p.sku = $1 and s.warehouse_id = 1 for no key update of s`,
      [`BENCH-${productNumber}`],
    );
    const [row] = rows;
    if (!row || row.available < 1) throw new Error('out of stock');
    await step(
      'update',
      'update stock set reserved = reserved + 1 where product_id = $1 and warehouse_id = 1',
      [row.product_id],
    );
    await step(
      'reservation',
      `insert into reservations (id, kind, status, expires_at)
       values ($1, 'hold', 'pending', clock_timestamp() + interval '15 min')`,
      [id],
    );
    await step(
      'line',
      `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
       values ($1, $2, 1, 1, 1)`,
      [id, row.product_id],
    );
    await step(
      'ledger',
      `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id)
       values ($1, 1, 'reserve', 0, 1, $2, $2)`,
      [row.product_id, id],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
