import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import type { CheckId, CheckRun } from '../../domain/assurance/types';
import { CATALOGUE, publicType } from '../../domain/events/catalogue';
import type { EventSource } from '../../domain/event-log/types';
import type { Queryable } from '../../platform/database/database';

/** Checks of the product that do not hold after every transaction (docs/architecture.md, "Data"): all others do. */
const NOT_ALWAYS: ReadonlySet<CheckId> = new Set([
  'guards',
  'orphaned_holds',
  'order_payments',
  'transfers_lost_units',
  'outbox_stuck',
]);

const EVERYTHING: CheckRun = {
  mode: 'full',
  limit: 10,
  graceSeconds: 0,
  since: null,
  summedUp: { xid: 0, id: 0 },
};

/** Rules of money and of stock that hold after every transaction. */
const ALWAYS: Readonly<Record<string, string>> = {
  'on hand is the newest absolute number, and everything that takes effect after its time': `
    select s.product_id, s.warehouse_id, s.on_hand, s.number_as_of, n.number, n.as_of, after.units
    from stock s
    cross join lateral (
      select t.number, t.as_of from inventory_transactions t
      where t.product_id = s.product_id and t.warehouse_id = s.warehouse_id and t.number is not null
      order by t.as_of desc, t.id desc limit 1) n
    cross join lateral (
      select coalesce(sum(e.on_hand_delta), 0) as units from inventory_transactions e
      where e.product_id = s.product_id and e.warehouse_id = s.warehouse_id
        and ledger_takes_effect_after(e.kind, e.at, e.as_of, n.as_of)) after
    where s.number_as_of is distinct from n.as_of or s.on_hand <> n.number + after.units`,
  // An entry whose time is before that of one that its transaction waited for would show what never was.
  'in the order of their times the entries of the ledger leave no place with less than is reserved or than nothing': `
    select product_id, warehouse_id, at, on_hand, reserved from (
      select t.product_id, t.warehouse_id, t.at,
        coalesce(o.on_hand, 0) + sum(t.on_hand_delta) over rising as on_hand,
        coalesce(o.reserved, 0) + sum(t.reserved_delta) over rising as reserved
      from inventory_transactions t left join ledger_opening o using (product_id, warehouse_id)
      window rising as (partition by t.product_id, t.warehouse_id order by t.at)) r
    where reserved < 0 or on_hand < reserved`,
  'a balance is the sum of the entries up to its time': `
    select b.*, s.on_hand, s.reserved from ledger_balances b cross join lateral (
      select sum(on_hand) as on_hand, sum(reserved) as reserved from (
        select on_hand_delta as on_hand, reserved_delta as reserved from inventory_transactions t
        where t.product_id = b.product_id and t.warehouse_id = b.warehouse_id and t.at <= b.at
        union all select on_hand, reserved from ledger_opening o
        where o.product_id = b.product_id and o.warehouse_id = b.warehouse_id) u) s
    where b.at >= coalesce((select max(upper_bound) from ledger_folds), '-infinity')
      and (b.on_hand, b.reserved) is distinct from (s.on_hand, s.reserved)`,
  'what of a transfer is no longer on its way arrived at some time': `
    select t.id, t.received + t.lost + t.returned as units, a.units as arrived from transfers t cross join lateral (
      select coalesce(sum(units), 0) as units from transfer_arrivals r where r.transfer_id = t.id) a
    where t.mode = 'in_transit' and t.received + t.lost + t.returned <> a.units`,
  'one capture of a payment at most is under way': `
    select payment_id, count(*) from captures where status = 'planned' and is_final is not null group by 1 having count(*) > 1`,
  'a payment of which nothing more comes in has no capture that is open or waits for a person': `
    select p.id, p.status, c.id as capture, c.status as capture_status from payments p join captures c on c.payment_id = p.id
    where p.status not in ('authorized') and c.status in ('planned', 'failed')`,
  'what is captured of a payment is the sum of its captures, or all of it in one call': `
    select p.order_id, p.id, p.status, p.amount_minor, p.capture_planned_minor, p.captured_minor, c.planned, c.made
    from payments p
    cross join lateral (
      select count(*) as count, coalesce(sum(f.amount_minor), 0) as planned,
        coalesce(sum(f.amount_minor) filter (where f.status = 'succeeded'), 0) as made
      from captures f where f.payment_id = p.id) c
    where case when c.count > 0 then p.capture_planned_minor <> c.planned or p.captured_minor <> c.made
               when p.status in ('captured', 'refunded', 'partially_refunded')
               then p.capture_planned_minor <> p.amount_minor or p.captured_minor <> p.amount_minor
               else p.capture_planned_minor <> 0 end`,
  'what is set aside of a payment to go back is the sum of its refunds, and what went back that of those made': `
    select p.order_id, p.id, p.refund_planned_minor, p.refunded_minor, r.planned, r.made
    from payments p
    left join lateral (
      select coalesce(sum(f.amount_minor), 0) as planned,
        coalesce(sum(f.amount_minor) filter (where f.status = 'succeeded' or f.found_at is not null), 0) as made
      from refunds f where f.payment_id = p.id) r on true
    where p.refund_planned_minor <> r.planned or p.refunded_minor <> r.made`,
  'no more goes back for returned units than they cost, of the payment that paid for them': `
    select p.order_id, p.id, returned.minor, bought.worth
    from payments p
    cross join lateral (
      select sum(f.amount_minor) as minor from refunds f
      where f.payment_id = p.id and f.origin = 'return') returned
    cross join lateral (
      select coalesce(sum(c.quantity * i.unit_price_minor), 0) as worth
      from customer_return_sources c
      join order_items i on i.order_id = p.order_id and i.product_id = c.product_id
      where c.reservation_id = p.reservation_id) bought
    where returned.minor > bought.worth`,
  'no more units came back of a reservation than left for it': `
    select c.reservation_id, c.product_id, sum(c.quantity) as back, shipped.units
    from customer_return_sources c
    cross join lateral (
      select coalesce(sum(si.quantity), 0) as units
      from shipments s join shipment_items si on si.shipment_id = s.id
      where s.reservation_id = c.reservation_id and si.product_id = c.product_id
        and s.status in ('picked_up', 'delivered')) shipped
    group by 1, 2, 4 having sum(c.quantity) > shipped.units`,
  'what an inspection planned to go back is the sum of its refunds': `
    select t.id, t.refund_minor, sum(f.amount_minor) as planned
    from customer_return_steps t left join refunds f on f.origin = 'return' and f.origin_id = t.id
    group by t.id having t.refund_minor <> coalesce(sum(f.amount_minor), 0)`,
  'a parcel is held up only by an amendment that is not decided': `
    select s.id, s.order_id, s.held_by from shipments s left join order_amendments a on a.id = s.held_by
    where s.held_by is not null and a.state is distinct from 'open'`,
};

/** What must hold as well once nothing is under way. */
const AT_REST: Readonly<Record<string, string>> = {
  'no charge is in flight, no authorisation, capture or refund is open': `
    select id, order_id, status from payments
    where status in ('pending', 'unknown', 'requires_action', 'authorized', 'void_planned')
    union all select id, order_id, status from captures where status = 'planned'
    union all select id, order_id, status from refunds where status in ('planned', 'pending')`,
  'no amendment is open': `select id, order_id, stage from order_amendments where state = 'open'`,
  'no order is open': `select id, status from orders where status in ('reserved', 'paid', 'fulfilling')`,
  // Less than what did not ship goes back only where the rest went back before, as a gift.
  'what was captured, or settled by hand, and is not planned to go back, without gifts of an operator and returns, is worth exactly what shipped': `
    select p.order_id, p.id, p.status, p.captured_minor, by_hand.minor as by_hand, p.refund_planned_minor, gift.minor as gift, shipped.worth
    from payments p
    left join lateral (
      select coalesce(sum(si.quantity * i.unit_price_minor), 0) as worth
      from shipments s join shipment_items si on si.shipment_id = s.id
      join order_items i on i.order_id = s.order_id and i.product_id = si.product_id
      where p.serves and s.reservation_id = p.reservation_id and s.status in ('picked_up', 'delivered')) shipped on true
    cross join lateral (
      select coalesce(sum(c.amount_minor), 0) as minor, coalesce(sum(c.amount_minor) filter (where c.settled_as = 'waived'), 0) as waived
      from captures c where c.payment_id = p.id and c.status = 'settled_by_hand') by_hand
    left join lateral (
      select coalesce(sum(f.amount_minor), 0) as minor from refunds f
      where f.payment_id = p.id and f.origin in ('operator', 'return')) gift on true
    cross join lateral (select p.captured_minor + by_hand.minor - (p.refund_planned_minor - gift.minor) as kept) k
    where p.status in ('captured', 'refunded', 'partially_refunded', 'voided', 'failed') and k.kept <> shipped.worth
      and not (p.refund_planned_minor = p.captured_minor and k.kept > shipped.worth)
      and not (k.kept > shipped.worth and k.kept - by_hand.waived <= shipped.worth)`,
  'the sandbox gateway captured each payment once, and gave back what our books say': `
    select p.id, p.status, p.captured_minor, c.captured_minor as charged, p.refunded_minor, r.refunded
    from payments p
    left join sandbox_gateway.charges c on c.idempotency_key = p.id::text
    left join (select charge_ref, sum(amount_minor) as refunded from sandbox_gateway.refunds
               where fails_at is null or fails_at > clock_timestamp() group by 1) r on r.charge_ref = c.ref
    where p.gateway = 'sandbox' and p.amount_minor > 0
      and (p.captured_minor <> coalesce(c.captured_minor, 0)
           or coalesce(r.refunded, 0) <> p.refunded_minor)`,
  'the sandbox gateway made each capture once, and keeps no authorisation': `
    select c.id, c.status, c.amount_minor, m.count, m.minor, null as charge from captures c join payments p on p.id = c.payment_id
    cross join lateral (
      select count(*) as count, coalesce(sum(s.amount_minor), 0) as minor from sandbox_gateway.captures s
      where s.idempotency_key = c.id::text or s.idempotency_key like c.id::text || '%') m
    where p.gateway = 'sandbox' and c.asked_at is not null and c.status <> 'settled_by_hand'
      and (m.count > 1 or m.minor <> case c.status when 'succeeded' then c.amount_minor else 0 end)
    union all
    select p.id, p.status, p.amount_minor, 0, 0, c.status from payments p
    join sandbox_gateway.charges c on c.idempotency_key = p.id::text
    where p.gateway = 'sandbox' and (c.status in ('authorized', 'requires_action') or (c.status = 'voided') <> (p.status in ('voided', 'failed')))`,
};

/** Fails, naming the check and the rows, when stock, ledger, holds, items, events, payments or refunds disagree. To be called after every database test. */
export async function expectInvariants(db: Queryable): Promise<void> {
  for (const check of SQL_CHECKS.values()) {
    if (NOT_ALWAYS.has(check.id)) continue;
    expectNone(check.title, (await db.query(statementOf(check, EVERYTHING))).rows);
  }
  await expectRules(db, ALWAYS);
  await expectEventsFit(db);
}

const EVENTS_LOOKED_AT = 2_000;

/** What the latest events say fits the schemas of their types. Types that only tests write are left out. */
async function expectEventsFit(db: Queryable): Promise<void> {
  const { rows } = await db.query({
    name: 'invariant events',
    text: `(select 'orders' as source, type, data || jsonb_build_object('seq', seq) as data from order_events order by id desc limit ${EVENTS_LOOKED_AT})
      union all (select 'entries', type, data from event_entries order by id desc limit ${EVENTS_LOOKED_AT})`,
  });
  const wrong = (rows as { source: EventSource; type: string; data: unknown }[]).flatMap(
    ({ source, type, data }) => {
      const parsed = CATALOGUE[publicType(source, type)]?.data.safeParse(data);
      return parsed && !parsed.success ? [{ type, data, issues: parsed.error.issues }] : [];
    },
  );
  expectNone('an event fits the schema of its type', wrong);
}

/** The same, and that money and shipments agree: for when every order has ended. */
export async function expectAtRest(db: Queryable): Promise<void> {
  await expectInvariants(db);
  await expectRules(db, AT_REST);
}

async function expectRules(db: Queryable, rules: Readonly<Record<string, string>>): Promise<void> {
  for (const [rule, text] of Object.entries(rules)) {
    expectNone(rule, (await db.query({ name: `invariant ${rule}`.slice(0, 60), text })).rows);
  }
}

function expectNone(rule: string, rows: readonly unknown[]): void {
  if (rows.length > 0) throw new Error(`Broken: ${rule}.\n${JSON.stringify(rows.slice(0, 10), null, 2)}`);
}
