import type { Pool, PoolClient } from 'pg';
import { asLoader, fillProducts, fillStock, fillWarehouses } from '../fill';
import { fillDocuments } from './fill-documents';

export interface ExplainSize {
  /** Rows of stock: products at 100 locations. */
  stockRows: number;
  /** Entries of the ledger: an opening for each stock row, the rest reservations that were made and released. */
  ledgerRows: number;
  /** Orders of one line each, and as many reservations without an order. */
  orders: number;
}

const WAREHOUSES = 100;
/** Full months of the past that the ledger has partitions for. */
const MONTHS = 12;
const STEP = 1_000_000;

/**
 * A shop after a year: stock and ledger that agree, with few products that sell much and many that sell little; orders,
 * reservations and transfers, most of them ended. Made set by set, with every index in place.
 */
export async function fillForExplain(
  pool: Pool,
  size: ExplainSize,
  told: (what: string) => void,
): Promise<void> {
  const products = Math.max(1, Math.floor(size.stockRows / WAREHOUSES));
  await fillWarehouses(pool, WAREHOUSES);
  await fillProducts(pool, products);
  await fillStock(pool, { products, warehouses: WAREHOUSES }, (rows) => told(`${rows} stock rows`));
  await makePastPartitions(pool);
  await asLoader(pool, async (client) => {
    await fillLedger(client, size, products, told);
    await client.query(
      `insert into ledger_checkpoint (product_id, warehouse_id, on_hand, reserved)
       select product_id, warehouse_id, on_hand, reserved from stock`,
    );
    await fillOrders(client, size.orders, products);
    told('orders and their reservations');
    await fillDocuments(client, { orders: size.orders, products }, told);
    await client.query(OTHERS, [products]);
    await client.query(moves(RECENTLY), [products, 50_000, WAREHOUSES]);
  });
  await pool.query('vacuum analyze');
  told('statistics');
}

async function makePastPartitions(pool: Pool): Promise<void> {
  for (let back = MONTHS; back > 1; back--) {
    await pool.query(
      `do $do$ declare lower timestamptz := (date_trunc('month', now() at time zone 'UTC') - interval '${back} months') at time zone 'UTC';
       begin execute format('create table %I partition of inventory_transactions for values from (%L) to (%L)',
         'inventory_transactions_' || to_char(lower at time zone 'UTC', 'YYYY_MM'), lower, lower + interval '1 month');
       end $do$`,
    );
  }
}

async function fillLedger(
  client: PoolClient,
  { ledgerRows }: ExplainSize,
  products: number,
  told: (what: string) => void,
): Promise<void> {
  const perStep = Math.max(1, Math.floor(STEP / WAREHOUSES));
  for (let from = 1; from <= products; from += perStep) {
    await client.query(OPENING, [from, from + perStep - 1]);
    told(`openings of ${Math.min(products, from + perStep - 1)} products`);
  }
  const pairs = Math.max(0, Math.floor((ledgerRows - products * WAREHOUSES) / 2));
  for (let done = 0; done < pairs; done += STEP / 2) {
    await client.query(moves(LONG_AGO), [products, Math.min(STEP / 2, pairs - done), WAREHOUSES]);
    told(`${Math.min(pairs, done + STEP / 2)} reservations in the ledger`);
  }
}

/** One effect a product, in the oldest month. */
const OPENING = `
  with effect as materialized (select p, gen_random_uuid() as id from generate_series($1::int, $2::int) p),
  posted as (
    insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
    select (date_trunc('month', now()) - interval '11 months') + s.product_id * interval '1 microsecond',
      s.product_id, s.warehouse_id, 'opening', s.on_hand, 0, e.id
    from stock s join effect e on e.p = s.product_id)
  insert into ledger_keys (key) select 'opening:' || id from effect`;

/** Of entries: up to eleven months, and since the last check of consistency. */
const LONG_AGO = `interval '2 hours' + power(random(), 1.5) * (now() - interval '3 hours' - date_trunc('month', now()) + interval '11 months')`;
const RECENTLY = `interval '1 hour' + random() * interval '1 minute'`;

/** Reservations that were made and released within the hour; the cube makes a tenth of the products sell half of all. */
const moves = (ago: string) => `
  with move as materialized (
    select 1 + floor(power(random(), 3) * $1::int)::int as product, 1 + floor(random() * $3::int)::int as warehouse,
      1 + floor(random() * 3)::int as units, gen_random_uuid() as id,
      now() - (${ago}) as at
    from generate_series(1, $2::int)
  ), posted as (
    insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id)
    select at, product, warehouse, 'reserve', 0, units, id, id from move
    union all select at + interval '1 hour', product, warehouse, 'release', 0, -units, id, id from move)
  insert into ledger_keys (key) select k || ':' || id from move, unnest(array['reserve', 'release']) k`;

/**
 * One item each. One in fifty is open, half of those unpaid, and of these a few are past due. One in ten was cancelled. Hardly any
 * failed, and those that were rejected by a reviewer are old.
 */
async function fillOrders(client: PoolClient, count: number, products: number): Promise<void> {
  await client.query(
    `create temp table made as
     select n, gen_random_uuid() as order_id, gen_random_uuid() as hold_id, 1 + floor(power(random(), 3) * $2::int)::int as product,
       1 + floor(random() * 100)::int as warehouse, case when n % 100 = 0 then 'reserved' when n % 100 = 1 then 'paid' when n % 10 = 3 then 'cancelled'
         when n % 50000 = 7 then 'failed' else 'fulfilled' end as status,
       now() - power(random(), 2) * interval '300 days' as at
     from generate_series(1, $1::int) n`,
    [count, products],
  );
  await client.query(
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input, event_seq, created_at, updated_at,
       capture, review_status, review_until, money_closed_at)
     select order_id, 'c-' || 1 + floor(power(random(), 2) * $1::int)::int, status, 'complete', 'USD', 1000, 900, '{}', 3, at, at,
       case when n % 10 = 9 then 'on_shipment' else 'now' end,
       case when n % 10 = 9 then case when n % 5000 = 9 and at < now() - interval '200 days' then 'rejected' else 'approved' end end,
       case when n % 10 = 9 then at end, case when n % 10 = 9 then at end
     from made`,
    [Math.max(1, Math.floor(count / 10))],
  );
  await client.query(
    `insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, reserved_quantity, fulfilled_quantity, cancelled_quantity)
     select order_id, 1, product, 'BENCH-' || product, 1, 1000, (status in ('reserved', 'paid'))::int, (status = 'fulfilled')::int,
       (status in ('cancelled', 'failed'))::int from made`,
  );
  await client.query(
    `insert into order_events (order_id, seq, type, at) select order_id, seq, 'step', at from made, generate_series(1, 3) seq`,
  );
  await client.query(
    `insert into reservations (id, kind, order_id, status, expires_at, created_at, updated_at)
     select hold_id, 'order', order_id, case status when 'reserved' then 'pending' when 'paid' then 'confirmed' when 'fulfilled' then 'shipped' else 'cancelled' end,
       case when n % 10000 = 0 then now() - interval '1 minute' else now() + interval '15 minutes' end, at, at from made`,
  );
  await client.query(
    `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
     select hold_id, product, warehouse, 1, (status in ('reserved', 'paid'))::int from made`,
  );
  await client.query('drop table made');
}

const OTHERS = `
  with waiting as (
    insert into backorders (product_id, order_id, quantity, waiting)
    select 1 + row_number() over () % least($1::int, 500), id, 1, (row_number() over () % 20 = 0)::int from orders where status = 'fulfilled' limit 50000
  ), sent as (
    insert into outbox (topic, key, available_at) select 'order.wake', id, now() + n * interval '1 second' - interval '1 minute'
    from (select id, row_number() over () as n from orders limit 5000) o
  )
  insert into alerts (kind, product_id, warehouse_id, status, raised_at, resolved_at)
  select 'low_stock', s.product_id, s.warehouse_id, status, now(), case when status = 'resolved' then now() end
  from stock s, unnest(array['resolved', 'resolved', 'resolved', 'open']) as status
  where s.available between 1 and s.low_stock_threshold`;
