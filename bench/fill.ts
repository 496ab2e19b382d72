import type { Pool, PoolClient } from 'pg';

/** One statement of the filling makes this many stock rows: progress every few seconds, and bounded memory. */
const ROWS_PER_STEP = 1_000_000;

/** Warehouses W001 and on, spread over a map. */
export async function fillWarehouses(pool: Pool, count: number): Promise<void> {
  await pool.query(
    `insert into warehouses (code, name, latitude, longitude, region, priority)
     select 'W' || lpad(n::text, 3, '0'), 'Warehouse ' || n, -60 + (n * 37) % 120, -180 + (n * 61) % 360,
            (array['eu-west', 'eu-central', 'us-east', 'us-west', 'ap-south'])[1 + n % 5], 10 * (1 + n % 3)
     from generate_series(1, $1::int) n`,
    [count],
  );
}

/** Products BENCH-1 and on, over 20 categories. */
export async function fillProducts(pool: Pool, count: number): Promise<void> {
  await pool.query(
    `insert into categories (code, name) select 'cat-' || n, 'Category ' || n from generate_series(1, 20) n`,
  );
  await pool.query(
    `insert into products (sku, name, category_id, price_minor, currency)
     select 'BENCH-' || n, 'Bench ' || n, c.ids[1 + n % 20], 100 + n % 9900, 'USD'
     from generate_series(1, $1::int) n, (select array_agg(id) as ids from categories) c`,
    [count],
  );
}

/**
 * A stock row of each of `products` products at each of `warehouses` warehouses, in the order of their key, as a feed import
 * makes them. Of a hundred places six are
 * empty; of a thousand four are low; half of the rest have less than 60 units and a few have hundreds.
 */
export async function fillStock(
  pool: Pool,
  size: { products: number; warehouses: number },
  told: (rows: number) => void,
): Promise<void> {
  const step = Math.max(1, Math.floor(ROWS_PER_STEP / size.warehouses));
  await asLoader(pool, async (client) => {
    for (let from = 1; from <= size.products; from += step) {
      const to = Math.min(size.products, from + step - 1);
      await client.query(
        `insert into stock (product_id, warehouse_id, on_hand, low_stock_threshold)
         select p, w, case when random() < 0.06 then 0 when random() < 0.004 then 1 + floor(random() * 5)::int
                      else 6 + floor(power(random(), 3) * 400)::int end, 5
         from generate_series($1::int, $2::int) p, generate_series(1, $3::int) w order by p, w`,
        [from, to, size.warehouses],
      );
      told(to * size.warehouses);
    }
  });
}

/**
 * Without the triggers that check references and copy thresholds row by row, since the rows are made consistent: ten
 * million rows take one minute instead of ten.
 */
export async function asLoader(pool: Pool, work: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('set session_replication_role = replica; set statement_timeout = 0');
    await work(client);
  } finally {
    client.release(true);
  }
}
