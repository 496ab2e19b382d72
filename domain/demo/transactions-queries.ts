import { many, one, type Transaction } from '../../platform/database/database';

export interface Assortment {
  productIds: number[];
  warehouseIds: number[];
  /** When its history begins, RFC 3339. */
  from: string;
}

/** Merchants in several time zones, what they are charged, and products of theirs that are sold no more. In one statement. */
export function insertAssortment(
  tx: Transaction,
  { run, currency, products, days }: { run: string; currency: string; products: number; days: number },
): Promise<Assortment> {
  return one<Assortment & Record<string, unknown>>(
    tx,
    'demo.insert_assortment',
    `with began as (
       -- Partitions of the ledger begin with the month before.
       select greatest(clock_timestamp() - make_interval(days => $4),
         date_trunc('month', clock_timestamp() - interval '1 month', 'UTC')) as at
     ), places as (
       insert into warehouses (code, name, latitude, longitude, region)
       select 'SEED-' || $1 || '-' || n, 'Seeded warehouse ' || n, 40 + n * 4, n * 5, 'eu-west' from generate_series(1, 3) n returning id
     ), sellers as (
       insert into merchants (code, name, zone)
       select 'seed-' || $1 || '-' || n, 'Seeded merchant ' || $1 || ' ' || n,
         (array['UTC', 'Europe/Paris', 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland'])[1 + n % 5]
       from generate_series(1, 20) n returning id
     ), charged as (
       insert into fee_rules (merchant_id, currency, effective_from, rate_bp, fixed_minor, minimum_minor, maximum_minor, is_returned)
       select s.id, $2, b.at, 150 + 25 * (s.id % 7), 30, 0, 5000, s.id % 2 = 0 from sellers s cross join began b
     ), sold as (
       insert into products (sku, name, price_minor, currency, active, merchant_id)
       select 'SEED-' || $1 || '-' || lpad(n::text, 4, '0'), 'Seeded product ' || n, 199 + (n * 7919) % 19800, $2, false, s.ids[1 + n % 20]
       from generate_series(1, $3::int) n cross join (select array_agg(id) as ids from sellers) s returning id
     )
     select (select array_agg(id) from sold) as "productIds", (select array_agg(id) from places) as "warehouseIds",
       (select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') from began) as "from"`,
    [run, currency, products, days],
  );
}

/** Stock rows of all products at all warehouses; nothing is there. */
export function insertEmptyStock(
  tx: Transaction,
  { productIds, warehouseIds }: Assortment,
): Promise<unknown> {
  return many(
    tx,
    'demo.insert_empty_stock',
    `insert into stock (product_id, warehouse_id) select p, w from unnest($1::int[]) p cross join unnest($2::int[]) w order by p, w`,
    [productIds, warehouseIds],
  );
}

/**
 * Writes orders that were paid, shipped and delivered some time ago, some of them refunded, with all that they leave behind: items, history,
 * reservation, parcel, payment, its charge at the sandbox gateway, the stock that came for them and left with them, and the money ledger.
 * In one statement. Returns how many captures and refunds of merchants there are in it.
 */
export async function insertPastOrders(
  tx: Transaction,
  { productIds, warehouseIds, from }: Assortment,
  { orders, currency }: { orders: number; currency: string },
): Promise<number> {
  const { transactions } = await one<{ transactions: number }>(
    tx,
    'demo.insert_past_orders',
    `with draft as materialized (
       select gen_random_uuid() as order_id, gen_random_uuid() as reservation_id, gen_random_uuid() as payment_id,
         gen_random_uuid() as shipment_id, gen_random_uuid() as refund_id, random() < 0.08 as is_refunded,
         'c-' || floor(random() * 50000)::int as customer_id, ($2::int[])[1 + floor(random() * cardinality($2))::int] as warehouse_id,
         floor(power(random(), 2) * cardinality($1::int[]))::int as first_product, 1 + floor(random() * random() * 4)::int as lines,
         $3::timestamptz + random() * (clock_timestamp() - interval '3 hours' - $3::timestamptz) as at
       from generate_series(1, $4::int)
     ), line as materialized (
       select d.*, n as line, p.id as product_id, p.sku, p.merchant_id, p.price_minor as price, 1 + floor(random() * random() * 4)::int as quantity,
         w.code as warehouse
       from draft d cross join lateral generate_series(1, d.lines) n
       join products p on p.id = ($1::int[])[1 + (d.first_product + n) % cardinality($1)]
       join warehouses w on w.id = d.warehouse_id
     ), sold as materialized (
       select order_id, warehouse, sum(quantity * price)::bigint as total,
         jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity) order by line) as items,
         jsonb_agg(jsonb_build_object('sku', sku, 'warehouse', warehouse, 'quantity', quantity) order by line) as allocations
       from line group by order_id, warehouse
     ), past as materialized (
       select d.*, s.total, s.items, s.allocations, s.warehouse, d.at + interval '2 seconds' as captured_at,
         d.at + interval '1 hour' as left_at, d.at + interval '2 hours' as delivered_at, 'SEED' || replace(d.shipment_id::text, '-', '') as tracking
       from draft d join sold s using (order_id)
     ), happened as materialized (
       select p.order_id, e.seq, e.type, e.at, e.data from past p cross join lateral (values
         (1, 'order_placed', p.at, jsonb_build_object('items', p.items, 'fulfilment', 'complete', 'customerId', p.customer_id)),
         (2, 'stock_reserved', p.at, jsonb_build_object('reservationId', p.reservation_id, 'allocations', p.allocations)),
         (3, 'payment_started', p.at, jsonb_build_object('paymentId', p.payment_id, 'amountMinor', p.total)),
         (4, 'payment_captured', p.captured_at, jsonb_build_object('paymentId', p.payment_id, 'amountMinor', p.total, 'currency', $5::text)),
         (5, 'order_paid', p.captured_at, '{}'),
         (6, 'shipments_created', p.captured_at, jsonb_build_object('shipments',
            jsonb_build_array(jsonb_build_object('shipmentId', p.shipment_id, 'warehouse', p.warehouse)))),
         (7, 'order_fulfilling', p.captured_at, '{}'),
         (8, 'shipment_booked', p.captured_at, jsonb_build_object('shipmentId', p.shipment_id, 'warehouse', p.warehouse, 'trackingNumber', p.tracking)),
         (9, 'shipment_picked_up', p.left_at, jsonb_build_object('shipmentId', p.shipment_id, 'warehouse', p.warehouse, 'carrier', 'sandbox',
            'trackingNumber', p.tracking, 'detail', null, 'occurredAt', null)),
         (10, 'order_fulfilled', p.left_at, '{}'),
         (11, 'shipment_delivered', p.delivered_at, jsonb_build_object('shipmentId', p.shipment_id, 'warehouse', p.warehouse, 'carrier', 'sandbox',
            'trackingNumber', p.tracking, 'detail', null, 'occurredAt', null)),
         (12, 'refund_started', p.delivered_at, jsonb_build_object('refundId', p.refund_id, 'paymentId', p.payment_id, 'amountMinor', p.total,
            'reason', 'seeded')),
         (13, 'refund_succeeded', p.delivered_at, jsonb_build_object('refundId', p.refund_id, 'paymentId', p.payment_id, 'amountMinor', p.total))
       ) as e (seq, type, at, data) where p.is_refunded or e.seq <= 11
     ), made_orders as (
       insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input, event_seq, created_at, updated_at)
       select order_id, customer_id, 'fulfilled', 'complete', $5, total, 900, jsonb_build_object('orderId', order_id, 'customerId', customer_id,
           'items', items, 'shipTo', null, 'fulfilment', 'complete', 'holdSeconds', 900, 'payment', null, 'fingerprint', null),
         case when is_refunded then 13 else 11 end, at, delivered_at
       from past order by at
     ), made_items as (
       insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, fulfilled_quantity, merchant_id)
       select order_id, line, product_id, sku, quantity, price, quantity, merchant_id from line order by at
     ), made_events as (
       insert into order_events (order_id, seq, type, at, data) select order_id, seq, type, at, data from happened order by at, seq
     ), made_reservations as (
       insert into reservations (id, kind, order_id, status, attempt, expires_at, created_at, updated_at)
       select reservation_id, 'order', order_id, 'shipped', 1, at + interval '15 minutes', at, left_at from past order by at
     ), made_lines as (
       insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
       select reservation_id, product_id, warehouse_id, quantity, 0 from line order by at
     ), made_shipments as (
       insert into shipments (id, order_id, reservation_id, warehouse_id, status, carrier, tracking_number, created_at, updated_at)
       select shipment_id, order_id, reservation_id, warehouse_id, 'delivered', 'sandbox', tracking, captured_at, delivered_at from past order by at
     ), made_shipment_items as (
       insert into shipment_items (shipment_id, product_id, sku, quantity) select shipment_id, product_id, sku, quantity from line order by at
     ), made_payments as (
       insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, captured_whole, capture_planned_minor,
         captured_minor, refund_planned_minor, refunded_minor, currency, method, token, gateway, gateway_ref, created_at, updated_at)
       select payment_id, order_id, reservation_id, 1, 'order', 'captured', total, true, total, total, r.back, r.back, $5, 'card', 'tok_ok', 'sandbox',
         'ch_' || payment_id, at, captured_at
       from past cross join lateral (select case when is_refunded then total else 0 end as back) r order by at
     ), made_refunds as (
       insert into refunds (id, payment_id, order_id, amount_minor, reason, status, origin, origin_id, actor, gateway_ref, created_at, updated_at)
       select refund_id, payment_id, order_id, total, 'seeded', 'succeeded', 'operator', refund_id, 'seed', 're_' || refund_id, delivered_at, delivered_at
       from past where is_refunded order by at
     ), made_charges as (
       insert into sandbox_gateway.charges (idempotency_key, ref, amount_minor, currency, token, status, captured_minor, calls, settles_at, created_at)
       select payment_id::text, 'ch_' || payment_id, total, $5, 'tok_ok', 'captured', total, 1, captured_at, at from past
       returning ref
     ), made_gateway_refunds as (
       insert into sandbox_gateway.refunds (idempotency_key, ref, charge_ref, amount_minor, created_at)
       select refund_id::text, 're_' || refund_id, 'ch_' || payment_id, total, delivered_at from past where is_refunded
     ), made_stock as (
       insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id,
         reason, actor)
       select at, product_id, warehouse_id, kind, on_hand, reserved, effect_id, reservation_id, order_id, reason, actor from (
         select $3::timestamptz as at, product_id, warehouse_id, 'adjust' as kind, sum(quantity)::int as on_hand, 0 as reserved,
           gen_random_uuid() as effect_id, null::uuid as reservation_id, null::uuid as order_id, 'seeded' as reason, 'seed' as actor
         from line group by product_id, warehouse_id
         union all
         select at, product_id, warehouse_id, 'reserve', 0, quantity, reservation_id, reservation_id, order_id, null, 'system' from line
         union all
         select l.at + interval '1 hour', product_id, warehouse_id, 'ship', -quantity, -quantity, shipment_id, reservation_id, order_id, null,
           'carrier:sandbox' from line l) e order by at
     ), share as materialized (
       select l.order_id, l.payment_id, l.refund_id, l.is_refunded, l.merchant_id, m.zone, f.id as rule_id, f.is_returned,
         sum(l.quantity * l.price)::bigint as amount,
         jsonb_agg(jsonb_build_array(l.product_id, l.warehouse_id, l.quantity * l.price) order by l.product_id) as units, l.at + interval '2 seconds' as captured_at, l.at + interval '2 hours' as refunded_at,
         fee_of(sum(l.quantity * l.price)::bigint, f.rate_bp, f.fixed_minor, f.minimum_minor, f.maximum_minor) as fee
       from line l join merchants m on m.id = l.merchant_id
       join fee_rules f on f.merchant_id = l.merchant_id and f.currency = $5
       group by l.order_id, l.payment_id, l.refund_id, l.is_refunded, l.merchant_id, l.at, m.zone, f.id
     ), moved as materialized (
       select e.*, s.merchant_id, s.payment_id, case e.kind when 'capture' then s.units end as units, (e.effective_at at time zone s.zone)::date as day from share s cross join lateral (values
         (s.captured_at, 'capture', 'gateway_clearing', 'merchant_payable', s.amount, s.payment_id, null::int, true),
         (s.captured_at, 'fee', 'merchant_payable', 'fees', s.fee, s.payment_id, s.rule_id, true),
         (s.refunded_at, 'refund', 'merchant_payable', 'refunds', s.amount, s.refund_id, null, s.is_refunded),
         (s.refunded_at, 'fee_returned', 'fees', 'merchant_payable', s.fee, s.refund_id, null, s.is_refunded and s.is_returned)
       ) as e (effective_at, kind, debit, credit, amount, source_id, rule_id, is_so) where e.is_so
     ), made_money as (
       insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id, fee_rule_id,
         units)
       select effective_at, day, kind, debit, credit, merchant_id, amount, $5, payment_id, source_id, rule_id, units from moved order by effective_at
     )
     select count(*) filter (where kind in ('capture', 'refund'))::int as transactions from moved`,
    [productIds, warehouseIds, from, orders, currency],
  );
  return transactions;
}
