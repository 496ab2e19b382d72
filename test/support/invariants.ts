import type { Queryable } from '../../platform/database';

/** What must hold after every transaction (docs/architecture.md, "Data"). Each query answers the rows that break it. */
const ALWAYS: Readonly<Record<string, string>> = {
  'stock equals its ledger': `
    select s.product_id, s.warehouse_id, s.on_hand, s.reserved, l.on_hand as ledger_on_hand, l.reserved as ledger_reserved
    from stock s
    full join (select product_id, warehouse_id, sum(on_hand) as on_hand, sum(reserved) as reserved
               from (select product_id, warehouse_id, on_hand_delta as on_hand, reserved_delta as reserved from inventory_transactions
                     union all select product_id, warehouse_id, on_hand, reserved from ledger_opening) posted
               group by 1, 2) l using (product_id, warehouse_id)
    where coalesce(s.on_hand, 0) <> coalesce(l.on_hand, 0) or coalesce(s.reserved, 0) <> coalesce(l.reserved, 0)`,
  'reserved equals the open lines of live holds': `
    select s.product_id, s.warehouse_id, s.reserved, h.open
    from stock s
    full join (select l.product_id, l.warehouse_id, sum(l.open_quantity) as open
               from reservation_lines l join reservations r on r.id = l.reservation_id
               where r.status in ('pending', 'charging', 'confirmed') group by 1, 2) h using (product_id, warehouse_id)
    where coalesce(s.reserved, 0) <> coalesce(h.open, 0)`,
  'a hold that ended holds nothing': `
    select r.id, r.status, l.open_quantity from reservations r join reservation_lines l on l.reservation_id = r.id
    where r.status in ('shipped', 'cancelled', 'expired') and l.open_quantity <> 0`,
  'reserved units of items equal the holds of their order': `
    select i.order_id, i.sku, i.reserved_quantity, h.open
    from order_items i
    left join (select r.order_id, l.product_id, sum(l.open_quantity) as open
               from reservation_lines l join reservations r on r.id = l.reservation_id
               where r.order_id is not null group by 1, 2) h
      on h.order_id = i.order_id and h.product_id = i.product_id
    where i.reserved_quantity <> coalesce(h.open, 0)`,
  'backordered units of items equal the queue': `
    select i.order_id, i.sku, i.backordered_quantity, b.waiting
    from order_items i left join backorders b on b.order_id = i.order_id and b.product_id = i.product_id
    where i.backordered_quantity <> coalesce(b.waiting, 0)`,
  'units of transfers are on their way, received, lost or back': `
    select t.id, t.status, t.quantity, t.received, t.lost, t.returned, t.open, l.moved, l.written_off
    from transfers t
    left join (select reference, sum(on_hand_delta) filter (where kind in ('transfer_out', 'transfer_in')) as moved,
                      sum(on_hand_delta) filter (where kind = 'write_off') as written_off
               from inventory_transactions where kind in ('transfer_out', 'transfer_in', 'write_off') group by 1) l
      on l.reference = 'transfer:' || t.id
    where coalesce(l.moved, 0) <> -t.open or coalesce(l.written_off, 0) <> -t.lost
      or l.moved is null or t.received + t.lost + t.returned + t.open <> t.quantity`,
  'no transfer moved units that it does not know of': `
    select l.reference, sum(l.on_hand_delta) from inventory_transactions l
    where l.kind in ('transfer_out', 'transfer_in') and not exists (select 1 from transfers t where 'transfer:' || t.id = l.reference)
    group by 1`,
  'an alert is open for every overdue transfer, and for no other': `
    select t.id, t.status, t.overdue_at, a.id as alert from transfers t
    full join (select id, jsonb_array_elements_text(details -> 'transferIds') as transfer_id from alerts
               where kind = 'transfer_overdue' and status <> 'resolved') a on a.transfer_id = t.id::text
    where (t.status = 'in_transit' and t.overdue_at is not null) is distinct from (a.id is not null)`,
  'events are numbered without gaps': `
    select o.id, o.event_seq, count(e.seq), max(e.seq) from orders o left join order_events e on e.order_id = o.id
    group by o.id having count(e.seq) <> o.event_seq or coalesce(max(e.seq), 0) <> o.event_seq`,
  'alerts on stock are open exactly where their condition holds': `
    select s.product_id, s.warehouse_id, s.on_hand, s.available, c.kind, c.holds, a.status
    from stock s
    cross join lateral (values
      ('low_stock', s.available between 1 and s.low_stock_threshold),
      ('overstock', coalesce(s.on_hand > s.overstock_threshold, false)),
      ('out_of_stock', s.available <= 0)) as c (kind, holds)
    left join alerts a on a.product_id = s.product_id and a.warehouse_id = s.warehouse_id and a.kind = c.kind
      and a.status <> 'resolved'
    -- A place that never had any is not told of.
    where c.holds <> (a.id is not null) and not (c.kind = 'out_of_stock' and c.holds)`,
  'every effect has its key': `
    select distinct t.kind, t.effect_id from inventory_transactions t
    where not exists (select 1 from ledger_keys k where k.key = t.kind || ':' || t.effect_id)`,
  'an order that ended has no unit left to ship or to wait for': `
    select o.id, o.status, i.sku from orders o join order_items i on i.order_id = o.id
    where o.status not in ('reserved', 'paid', 'fulfilling') and i.reserved_quantity + i.backordered_quantity > 0`,
};

/** What must hold as well once nothing is under way. */
const AT_REST: Readonly<Record<string, string>> = {
  'no charge or refund is open': `
    select id, order_id, status from payments where status in ('pending', 'unknown')
    union all select id, order_id, status from refunds where status = 'pending'`,
  'no order is open': `select id, status from orders where status in ('reserved', 'paid', 'fulfilling')`,
  'what was captured and not refunded is worth exactly what shipped': `
    select p.order_id, p.id, p.amount_minor, p.refunded_minor, shipped.worth
    from payments p
    left join lateral (
      select coalesce(sum(si.quantity * i.unit_price_minor), 0) as worth
      from shipments s join shipment_items si on si.shipment_id = s.id
      join order_items i on i.order_id = s.order_id and i.product_id = si.product_id
      where s.reservation_id = p.reservation_id and s.status in ('picked_up', 'delivered')) shipped on true
    where p.status in ('captured', 'refunded', 'partially_refunded') and p.amount_minor - p.refunded_minor <> shipped.worth`,
  'the sandbox gateway captured each payment once, and gave back what our books say': `
    select p.id, p.status, p.amount_minor, c.amount_minor as charged, p.refunded_minor, r.refunded
    from payments p
    left join sandbox_gateway.charges c on c.idempotency_key = p.id::text and c.status = 'captured'
    left join (select charge_ref, sum(amount_minor) as refunded from sandbox_gateway.refunds group by 1) r on r.charge_ref = c.ref
    where p.gateway = 'sandbox' and p.amount_minor > 0
      and ((p.status in ('captured', 'refunded', 'partially_refunded')) <> (c.ref is not null)
           or coalesce(r.refunded, 0) <> p.refunded_minor)`,
};

/** Fails, naming the rule and the rows, when stock, ledger, holds, items or events disagree. To be called after every database test. */
export async function expectInvariants(db: Queryable): Promise<void> {
  await expectNothing(db, ALWAYS);
}

/** The same, and that money and shipments agree: for when every order has ended. */
export async function expectAtRest(db: Queryable): Promise<void> {
  await expectNothing(db, { ...ALWAYS, ...AT_REST });
}

async function expectNothing(db: Queryable, rules: Readonly<Record<string, string>>): Promise<void> {
  for (const [rule, text] of Object.entries(rules)) {
    const { rows } = await db.query({ name: `invariant ${rule}`.slice(0, 60), text });
    if (rows.length > 0) throw new Error(`Broken: ${rule}.\n${JSON.stringify(rows.slice(0, 10), null, 2)}`);
  }
}
