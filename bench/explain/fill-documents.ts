import type { PoolClient } from 'pg';

/** A warehouse that stock is kept at and where hardly anything happens. */
export const QUIET_LOCATION = 'W100';
/** A lot of the products that keep lots. */
export const LOT = 'LOT-1';
/** That hardly any order has; the others have another. */
export const RARE_TAG = 'fraud-check';
/** For which hardly any order needs a person. */
export const RARE_REASON = 'left_after_stop';

/** Products that keep serial numbers: the first ones. One in so many keeps lots. */
const SERIALISED = 100;
const LOT_TRACKED_SHARE = 20;

/**
 * What a shop leaves behind beside orders, in proportion to their number: reservations without one, parcels, money, deliveries,
 * counts, returns, alerts, jobs. Nearly all of it has ended; of every kind and status there is hardly any that is common in a list.
 */
export async function fillDocuments(
  client: PoolClient,
  { orders, products }: { orders: number; products: number },
  told: (what: string) => void,
): Promise<void> {
  const sizes = {
    orders,
    products,
    lots: Math.ceil(products / LOT_TRACKED_SHARE),
    serialised: Math.min(products, SERIALISED),
    serials: Math.ceil(orders / 100),
    few: Math.ceil(orders / 30),
  };
  for (const [what, statement] of Object.entries(DOCUMENTS)) {
    const text = statement.replace(/:([a-z]+)\b(?!:)/g, (all, name: string) =>
      name in sizes ? String(sizes[name as keyof typeof sizes]) : all,
    );
    await client.query(text);
    told(what);
  }
}

/** A time within the last 300 days, more often of late. */
const AT = `now() - power(random(), 2) * interval '300 days'`;
/** The same for rows whose number is the order in which they came. */
const rising = (of: string) => `now() - interval '300 days' * (1 - n / (${of})::float8)`;

const DOCUMENTS: Readonly<Record<string, string>> = {
  'reservations without an order': `
    create temp table held as
      select uuidv7(${rising(':orders')} - now()) as id, n, 1 + floor(power(random(), 3) * :products)::int as product,
        1 + floor(random() * 99)::int as warehouse, ${rising(':orders')} as at,
        case when n > :orders * 0.99 then 'pending' when n % 200 = 1 then 'confirmed' when n % 50000 = 7 then 'shipped'
             when n % 3 = 0 then 'cancelled' else 'expired' end as status
      from generate_series(1, :orders) n;
    insert into reservations (id, kind, status, expires_at, created_at, updated_at, reference)
      select id, 'hold', status, case status when 'pending' then now() + interval '15 minutes' else at + interval '15 minutes' end, at, at, 'r' from held;
    insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
      select id, product, warehouse, 1, (status in ('pending', 'confirmed'))::int from held;
    drop table held`,
  'parcels and money': `
    insert into shipments (id, order_id, reservation_id, warehouse_id, status, carrier, created_at, updated_at)
      select gen_random_uuid(), r.order_id, r.id, l.warehouse_id,
        case r.status when 'shipped' then 'delivered' when 'confirmed' then 'booked' else 'voided' end, 'sandbox', r.created_at, r.created_at
      from reservations r join reservation_lines l on l.reservation_id = r.id
      where r.kind = 'order' and r.status in ('shipped', 'confirmed', 'cancelled');
    update shipments set released_at = updated_at where status = 'voided';
    insert into shipment_items (shipment_id, product_id, sku, quantity)
      select s.id, l.product_id, 'BENCH-' || l.product_id, 1 from shipments s join reservation_lines l using (reservation_id);
    insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, captured_whole, capture_planned_minor,
        captured_minor, currency, method, token, gateway, created_at, updated_at)
      select gen_random_uuid(), order_id, id, 1, 'u', 'captured', 1000, true, 1000, 1000, 'USD', 'card', 't', 'sandbox', created_at, created_at
      from reservations where kind = 'order' and status in ('shipped', 'confirmed');
    insert into carrier_events (carrier, event_id, shipment_id, type, received_at)
      select 'sandbox', id || e, id, 'x', created_at from shipments, unnest(array['a', 'b']) e where status = 'delivered';
    insert into gateway_events (gateway, event_id, payment_id, type, occurred_at, received_at)
      select 'sandbox', id, id, 'captured', created_at, created_at from payments;
    insert into idempotency_keys (caller, key, scope, fingerprint, subject_id, state, status, created_at, updated_at)
      select 'bench', id, 'orders.place', 'f', id, 'done', 201, created_at, created_at from orders;
    insert into batch_chunks (batch_id, chunk, outcomes, created_at)
      select gen_random_uuid(), 1, '[]', ${AT} from generate_series(1, :few)`,
  'what left, in the ledger': `
    insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id)
      select s.created_at, l.product_id, l.warehouse_id, k.kind, k.on_hand, k.reserved, s.id, l.reservation_id, s.order_id
      from shipments s join reservation_lines l using (reservation_id),
        (values ('receipt', 1, 0), ('reserve', 0, 1), ('ship', -1, -1)) as k (kind, on_hand, reserved)
      where s.status = 'delivered' order by s.created_at, s.id;
    insert into ledger_keys (key) select k || ':' || id from shipments, unnest(array['receipt', 'reserve', 'ship']) k where status = 'delivered'`,
  transfers: `
    insert into transfers (id, product_id, source_id, target_id, mode, status, quantity, received, returned, actor, expected_at, created_at, updated_at)
      select gen_random_uuid(), 1 + floor(power(random(), 3) * :products)::int, 1 + n % 50, case n when 1 then 100 else 51 + n % 49 end, 'in_transit',
        case when n > :few * 10 - 200 then 'in_transit' when n = 5 then 'cancelled' else 'completed' end,
        10, case when n > :few * 10 - 200 or n = 5 then 0 else 10 end, case n when 5 then 10 else 0 end, 'bench', at + interval '2 days', at, at
      from (select n, ${rising('(:few * 10)')} as at from generate_series(1, :few * 10) n) t`,
  'deliveries, counts, returns': `
    insert into receipts (id, warehouse_id, supplier, supplier_reference, actor, received_at)
      select gen_random_uuid(), case n when 1 then 100 else 1 + n % 99 end, case n when 1 then 'supplier-rare' else 'supplier-' || n % 50 end,
        n::text, 'bench', ${rising('(:few * 10)')} from generate_series(1, :few * 10) n;
    insert into receipt_lines (receipt_id, line, product_id, quantity, unit_cost_minor, currency)
      select id, l, 1 + floor(power(random(), 3) * :products)::int, 10, 100, 'USD' from receipts, generate_series(1, 3) l;
    insert into product_costs (product_id, currency, average_minor, costed_units)
      select id, 'USD', 100, 1000 from products;
    insert into count_sheets (id, warehouse_id, status, blind, tolerance, actor, created_at, closed_at)
      select gen_random_uuid(), case n when 1 then 100 else 1 + n % 99 end,
        case when n > :few - 20 then 'open' when n in (2, 3) then 'review' else 'closed' end, false, 0, 'bench', ${rising(':few')},
        case when n <= :few - 20 and n not in (2, 3) then now() end
      from generate_series(1, :few) n;
    insert into count_lines (sheet_id, product_id, status, expected, position, counted, moved, variance)
      select id, 1 + p, case status when 'closed' then 'approved' when 'review' then 'review' else 'open' end, 1, 1, 1, 0, 0
      from count_sheets, generate_series(1, 10) p;
    create temp table kept as
      select gen_random_uuid() as id, n, 1 + floor(power(random(), 3) * :products)::int as product,
        case n when 1 then 100 else 1 + n % 99 end as warehouse, n in (2, 3, 4) or n > :few * 10 - 20 as open,
        ${rising('(:few * 10)')} as at
      from generate_series(1, :few * 10) n;
    insert into reservations (id, kind, status, created_at, updated_at)
      select id, 'quality', case when open then 'confirmed' else 'cancelled' end, at, at from kept;
    insert into quality_holds (id, product_id, warehouse_id, quantity, released, reason, actor, created_at, updated_at)
      select id, product, warehouse, 1, (not open)::int, 'broken', 'bench', at, at from kept;
    drop table kept;
    insert into customer_returns (id, order_id, status, refund, expires_at, actor, created_at, updated_at)
      select gen_random_uuid(), id, case when n > :few * 5 - 20 then 'authorised' when n = 2 then 'received' when n = 3 then 'cancelled' when n = 4 then 'expired'
        else 'completed' end, 'none', now() + interval '10 days', 'bench', at, at
      from (select id, row_number() over () as n, ${AT} as at from orders where status = 'fulfilled' limit :few * 5) o`,
  'lots and serial numbers': `
    update products set lot_tracked = true where id <= :lots;
    update products set serialised = true where id <= :serialised;
    insert into product_lots (product_id, code, code_key, expires_on)
      select p, 'LOT-' || c, 'lot-' || c, current_date + c * 20 from generate_series(1, :lots) p, generate_series(1, 5) c;
    insert into lots (product_id, warehouse_id, code, expires_on, quantity, held, master_id)
      select m.product_id, w, m.code, m.expires_on, (w % 5 = m.id % 5)::int * 10, 0, m.id from product_lots m, generate_series(1, 100) w;
    insert into lot_movements (lot_id, product_id, warehouse_id, kind, effect_id, quantity, at)
      select id, product_id, warehouse_id, 'receipt', gen_random_uuid(), 10, ${AT} from lots;
    insert into serials (product_id, serial, serial_key, warehouse_id, status)
      select p, 'S-' || n, 's-' || n, 1 + n % 99, case when n = 1 then 'written_off' when n % 20 = 0 then 'in_stock' else 'shipped' end
      from generate_series(1, :serials) n, generate_series(1, :serialised) p`,
  people: `
    insert into users (id, role, status, created_at)
      select gen_random_uuid(), case n when 1 then 'operator' else 'customer' end, case n when 2 then 'disabled' else 'active' end, at
      from (select n, ${rising(':orders')} as at from generate_series(1, :orders) n) u;
    insert into user_profiles (user_id, email) select id, 'u' || row_number() over () || '@example.com' from users`,
  'notes of orders': `
    insert into order_notes (id, order_id, text, actor, created_at)
      select gen_random_uuid(), id, 'customer rang about n' || n, 'bench', at
      from (select id, created_at as at, row_number() over () as n from orders) o;
    insert into order_tags (order_id, tag, actor)
      select id, case n when 1 then '${RARE_TAG}' else 'vip' end, 'bench' from (select id, row_number() over () as n from orders) o`,
  'alerts and jobs': `
    insert into alerts (id, kind, product_id, warehouse_id, status, raised_at, resolved_at)
      select uuidv7(at - now()), case n when 1 then 'overstock' else 'low_stock' end, 1 + floor(power(random(), 3) * :products)::int,
        case n when 2 then 100 else 1 + n % 99 end, 'resolved', at, at
      from (select n, ${rising(':orders')} as at from generate_series(1, :orders) n) a;
    insert into alerts (id, kind, order_id, subject, status, details, raised_at, resolved_at)
      select uuidv7(o.at - now()), 'attention', o.id, 'refund_failed:' || o.n, 'resolved',
        jsonb_build_object('reason', case o.n when 1 then '${RARE_REASON}' else 'refund_failed' end), o.at, o.at
      from (select id, created_at as at, row_number() over () as n from orders limit :few) o;
    insert into jobs (id, type, status, input, actor, error_code, file, created_at, started_at, finished_at)
      select gen_random_uuid(), case when n % 3 = 0 then 'consistency' else 'feed' end,
        case when n > :few - 3 then 'running' when n = 7 then 'failed' when n = 8 then 'cancelled' else 'completed' end, '{"mode": "incremental"}', 'bench',
        case n when 7 then 'X' end, case when n % 30 = 1 then 'csv' end, at, at, case when n <= :few - 3 then at end
      from (select n, ${rising(':few')} as at from generate_series(1, :few) n) j;
    insert into feeds (job_id, mode) select id, 'set' from jobs where type = 'feed';
    insert into consistency_checks (job_id, check_id, findings, truncated, started_at, finished_at)
      select j.id, c, 0, false, j.created_at, j.created_at from jobs j,
        unnest(array['on_hand_ledger', 'reserved_ledger', 'reserved_holds', 'phantom_stock', 'ledger_keys', 'order_events']) c
      where j.type = 'consistency'`,
};
