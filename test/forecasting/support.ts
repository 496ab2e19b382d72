import { one, type Database } from '../../platform/database/database';
import { forecastSeries } from '../../domain/forecasting/forecast';
import type { ForecastThreads } from '../../domain/forecasting/threads';
import { dayAfter } from '../../platform/days';

export const AMS = { latitude: 52.3, longitude: 4.9 };
export const NYC = { latitude: 40.7, longitude: -74 };

/** Adds a product that there is since a day. */
export async function addProduct(
  db: Database,
  sku: string,
  { category = null, since }: { category?: string | null; since: string },
): Promise<void> {
  await db.pool.query(
    `with made as (
       insert into categories (code, name) select $2::text, $2 where $2::text is not null on conflict (code) do update set name = excluded.name
       returning id)
     insert into products (sku, name, price_minor, currency, category_id, created_at)
     values ($1, $1, 1000, 'USD', (select id from made), $3::date::timestamp at time zone 'UTC')`,
    [sku, category, since],
  );
}

/** Adds a warehouse at a point. */
export async function addWarehouse(
  db: Database,
  code: string,
  { latitude, longitude }: { latitude: number; longitude: number },
): Promise<void> {
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ($1, $1, $2, $3, 'r')`,
    [code, latitude, longitude],
  );
}

/** Orders of the past of a product, one a day at noon, of which nothing is left to do; none on days without units. */
export async function addOrders(
  db: Database,
  {
    sku,
    firstDay,
    units,
    shipTo = AMS,
    status = 'cancelled',
  }: {
    sku: string;
    firstDay: string;
    units: readonly number[];
    shipTo?: object | null;
    status?: 'cancelled' | 'rejected';
  },
): Promise<void> {
  await db.pool.query(
    `with given as (
       select gen_random_uuid() as id, units, $3::date + (n - 1)::int as day from unnest($2::int[]) with ordinality as u (units, n) where units > 0
     ), made as (
       insert into orders (id, customer_id, status, fulfilment, currency, total_minor, ship_to, reservation_seconds, input, created_at)
       select id, 'c', $5, 'complete', 'USD', 0, $4, 900, '{}', day::timestamp at time zone 'UTC' + interval '12 hours' from given
       returning id)
     insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, cancelled_quantity)
     select m.id, 1, p.id, p.sku, g.units, 1000, g.units from made m join given g on g.id = m.id, products p where p.sku = $1`,
    [sku, units, firstDay, shipTo === null ? null : JSON.stringify(shipTo), status],
  );
}

/** Moves stock of a product at a warehouse on an hour of a day, in both the counter and the ledger. */
export async function moveStock(
  db: Database,
  {
    sku,
    warehouse,
    day,
    hour,
    delta,
  }: { sku: string; warehouse: string; day: string; hour: number; delta: number },
): Promise<void> {
  await db.pool.query(
    `insert into stock (product_id, warehouse_id) select p.id, w.id from products p, warehouses w where p.sku = $1 and w.code = $2
     on conflict do nothing`,
    [sku, warehouse],
  );
  await db.pool.query(
    `with moved as (
       update stock s set on_hand = on_hand + $5 from products p, warehouses w
       where p.sku = $1 and w.code = $2 and s.product_id = p.id and s.warehouse_id = w.id
       returning s.product_id, s.warehouse_id)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, at)
     select product_id, warehouse_id, 'adjust', $5, 0, gen_random_uuid(),
            $3::date::timestamp at time zone 'UTC' + make_interval(hours => $4) from moved`,
    [sku, warehouse, day, hour, delta],
  );
}

/** The day that it was so many days ago, in UTC. */
export async function daysAgo(db: Database, days: number): Promise<string> {
  const { today } = await one<{ today: string }>(
    db,
    'test.today',
    `select (clock_timestamp() at time zone 'UTC')::date::text as today`,
  );
  return dayAfter(today, -days);
}

/** Forecasts in this thread. */
export const INLINE: ForecastThreads = {
  forecast: (series) => Promise.resolve(series.map(forecastSeries)),
  close: () => Promise.resolve(),
};
