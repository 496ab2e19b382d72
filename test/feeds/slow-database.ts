import type { Database } from '../../platform/database/database';

/** Lets every statement that writes the ledger take so long. */
export async function slowDown(db: Database, seconds: number): Promise<void> {
  await db.pool.query(`
    create function slow_ledger() returns trigger language plpgsql as $$ begin perform pg_sleep(${seconds}); return null; end $$;
    create trigger slow_ledger after insert on inventory_transactions for each statement execute function slow_ledger()`);
}

export async function speedUp(db: Database): Promise<void> {
  await db.pool.query('drop function slow_ledger cascade');
}

/** Products `PART-0` and so on with `onHand` units each in AMS, and a delta feed of one unit for each. */
export async function manyParts(db: Database, count: number): Promise<string> {
  await db.pool.query(
    `insert into products (sku, name, price_minor, currency) select 'PART-' || n, 'Part', 100, 'USD' from generate_series(0, $1 - 1) n`,
    [count],
  );
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('AMS', 'AMS', 52, 5, 'eu-west')
     on conflict do nothing`,
  );
  return ['sku,location,quantity', ...Array.from({ length: count }, (_, n) => `PART-${n},AMS,1`)].join('\n');
}

/** How many parts have how many units. */
export async function unitsOfParts(db: Database): Promise<Record<string, number>> {
  const found = await db.pool.query<{ units: number; parts: number }>(
    `select coalesce(s.on_hand, 0) as units, count(*)::int as parts from products p left join stock s on s.product_id = p.id
     where p.sku like 'PART-%' group by 1`,
  );
  return Object.fromEntries(found.rows.map((row) => [row.units, row.parts]));
}
