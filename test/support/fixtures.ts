import type { OrderInput } from '../../domain/orders/types';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { createTestDatabase, openTestDatabase } from './database';

/** What is set about charges that are not over with their outcome, as the settings have it. */
export const CHARGE_TERMS = { actionSeconds: 900, lapseMarginSeconds: 43_200 };

/** The longest that one attempt to ask a gateway takes, as the settings have it, milliseconds. */
export const ASK_LIMIT_MS = 12_000;

/** A migrated database of one's own, opened. */
export interface TestShop {
  db: Database;
  /** As the owner of the schema. */
  url: string;
  /** As the role that the product runs as. */
  runtimeUrl: string;
  close(): Promise<void>;
}

export async function openTestShop(): Promise<TestShop> {
  const database = await createTestDatabase();
  const db = openTestDatabase(database, 10);
  return {
    db,
    url: database.url,
    runtimeUrl: database.runtimeUrl,
    async close() {
      await db.close();
      await database.drop();
    },
  };
}

/** Puts `onHand` units of a product, which is made if it is new, into a warehouse, which is made if it is new. */
export async function addStock(db: Database, sku: string, warehouse: string, onHand: number): Promise<void> {
  await db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ($1, $1, 1000, 'USD') on conflict (sku) do nothing`,
    [sku],
  );
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ($1, $1, 52, 5, 'eu-west')
     on conflict (code) do nothing`,
    [warehouse],
  );
  await db.pool.query(
    `with added as (
       insert into stock (product_id, warehouse_id, on_hand)
       select p.id, w.id, $3 from products p, warehouses w where p.sku = $1 and w.code = $2
       returning product_id, warehouse_id, on_hand)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, warehouse_id, 'opening', on_hand, 0, gen_random_uuid() from added`,
    [sku, warehouse, onHand],
  );
}

export interface FixtureLine {
  sku: string;
  warehouse: string;
  quantity: number;
}

export interface FixtureOrder {
  orderId: string;
  reservationId: string;
}

/** An order whose hold is confirmed, as a captured payment leaves it, without shipments. Its stock must be there. */
export async function addPaidOrder(db: Database, lines: readonly FixtureLine[]): Promise<FixtureOrder> {
  const [orderId, reservationId] = [newId(), newId()];
  const skus = lines.map((line) => line.sku);
  const warehouses = lines.map((line) => line.warehouse);
  const quantities = lines.map((line) => line.quantity);
  const input: OrderInput = {
    orderId,
    customerId: 'c-test',
    items: lines.map(({ sku, quantity }) => ({ sku, quantity })),
    shipTo: null,
    fulfilment: 'complete',
    holdSeconds: 900,
    payment: null,
    fingerprint: null,
  };
  await db.transaction(async (tx) => {
    const run = (name: string, text: string, values: unknown[]) =>
      tx.query({ name: `fixture.${name}`, text, values });
    // In the one order in which the product locks them too: tests make many of these at once.
    await run(
      'lock',
      `select 1 from unnest($1::text[], $2::text[]) as l (sku, warehouse)
       join products p on p.sku = l.sku join warehouses w on w.code = l.warehouse
       join stock s on s.product_id = p.id and s.warehouse_id = w.id
       order by s.product_id, s.warehouse_id for no key update of s`,
      [skus, warehouses],
    );
    await run(
      'order',
      `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
       values ($1, 'c-test', 'paid', 'complete', 'USD', 0, 900, $2)`,
      [orderId, JSON.stringify(input)],
    );
    await run(
      'items',
      `insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, reserved_quantity)
       select $1, row_number() over (order by p.sku), p.id, p.sku, sum(l.quantity), p.price_minor, sum(l.quantity)
       from unnest($2::text[], $3::int[]) as l (sku, quantity) join products p on p.sku = l.sku group by p.id`,
      [orderId, skus, quantities],
    );
    await run(
      'reservation',
      `insert into reservations (id, kind, order_id, status, expires_at)
       values ($1, 'order', $2, 'confirmed', clock_timestamp() + interval '15 minutes')`,
      [reservationId, orderId],
    );
    await run(
      'lines',
      `with held as (
         insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
         select $1::uuid, p.id, w.id, l.quantity, l.quantity
         from unnest($2::text[], $3::text[], $4::int[]) as l (sku, warehouse, quantity)
         join products p on p.sku = l.sku join warehouses w on w.code = l.warehouse
         returning product_id, warehouse_id, quantity
       ), counted as (
         update stock s set reserved = s.reserved + h.quantity from held h
         where s.product_id = h.product_id and s.warehouse_id = h.warehouse_id
       )
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id)
       select product_id, warehouse_id, 'reserve', 0, quantity, $1::uuid, $1::uuid, $5::uuid from held`,
      [reservationId, skus, warehouses, quantities, orderId],
    );
  });
  return { orderId, reservationId };
}

/** Types of an order's history, oldest first. */
export async function eventTypes(db: Database, orderId: string): Promise<string[]> {
  const found = await db.pool.query<{ type: string }>(
    'select type from order_events where order_id = $1 order by seq',
    [orderId],
  );
  return found.rows.map((row) => row.type);
}

/** As if the gateway had last been asked long ago about every refund and capture: a person may let it be asked again. */
export async function gatewayAskedLongAgo(db: Database): Promise<void> {
  for (const table of ['refunds', 'captures'])
    await db.pool.query(`update ${table} set asked_at = asked_at - interval '1 minute'`);
}
