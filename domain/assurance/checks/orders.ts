import { priceSql } from '../../orders/price-sql';
import type { CheckRun, SqlCheck } from '../types';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES, PAID_ORDER_STATUSES } from '../../orders/types';
import { LEFT_SHIPMENT_STATUSES } from '../../fulfilment/types';
import {
  SETTLED_PAYMENT_STATUSES,
  CAPTURED_PAYMENT_STATUSES,
  PAID_PAYMENT_STATUSES,
  REFUND_ORIGINS_OF_SHIPPED,
} from '../../payments/types';

/** Orders that were not touched since the last run are left out of an incremental one. */
const RECENT = `($1::timestamptz is null or o.updated_at >= $1)`;

function check(name: string, text: string, { since }: CheckRun) {
  return { name: `consistency.${name}`, text, values: [since] };
}

/** Nothing of it can be refunded. */
const NOT_COUNTED = `(captured_minor = 0 and amount_minor > 0 and status in ${literals(CAPTURED_PAYMENT_STATUSES)})`;

/** The parts of an order against each other. Each rule holds after every transaction, except for `order_payments`. */
export const ORDER_CHECKS: readonly SqlCheck[] = [
  {
    id: 'order_items_holds',
    title: 'Reserved units of items equal the holds of their order',
    severity: 'error',
    finding: 'An item: orderId, sku, reserved (by the item), held (by its holds)',
    repair: 'For a person: whether the customer is owed the unit cannot be told from here.',
    statement: (run) =>
      check(
        'order_items_holds',
        `select 'order:' || i.order_id || ':' || i.sku as subject,
          jsonb_build_object('orderId', i.order_id, 'sku', i.sku, 'reserved', i.reserved_quantity, 'held', coalesce(h.open, 0)) as details
        from orders o join order_items i on i.order_id = o.id
        left join (select r.order_id, l.product_id, sum(l.open_quantity) as open
                   from orders o join reservations r on r.order_id = o.id join reservation_lines l on l.reservation_id = r.id
                   where ${RECENT} and l.open_quantity > 0 group by 1, 2) h
          on h.order_id = i.order_id and h.product_id = i.product_id
        where ${RECENT} and i.reserved_quantity <> coalesce(h.open, 0) order by 1`,
        run,
      ),
  },
  {
    id: 'order_backorders',
    title: 'Backordered units of items equal the queue',
    severity: 'error',
    finding: 'An item: orderId, sku, backordered (by the item), waiting (in the queue)',
    repair: 'For a person: cancel the order, or place its missing part again.',
    statement: (run) =>
      check(
        'order_backorders',
        `select 'order:' || i.order_id || ':' || i.sku as subject,
          jsonb_build_object('orderId', i.order_id, 'sku', i.sku, 'backordered', i.backordered_quantity, 'waiting', coalesce(b.waiting, 0)) as details
        from orders o join order_items i on i.order_id = o.id
        left join backorders b on b.order_id = i.order_id and b.product_id = i.product_id
        where ${RECENT} and i.backordered_quantity <> coalesce(b.waiting, 0) order by 1`,
        run,
      ),
  },
  {
    id: 'order_ended_units',
    title: 'An order that ended has no unit left to ship or to wait for',
    severity: 'error',
    finding: 'An item: orderId, sku, status (of the order), reserved, backordered (units)',
    repair: 'For a person, unless the repair of its holds settles it.',
    statement: (run) =>
      check(
        'order_ended_units',
        `select 'order:' || i.order_id || ':' || i.sku as subject,
          jsonb_build_object('orderId', i.order_id, 'sku', i.sku, 'status', o.status, 'reserved', i.reserved_quantity,
                             'backordered', i.backordered_quantity) as details
        from orders o join order_items i on i.order_id = o.id
        where ${RECENT} and o.status not in ${literals(OPEN_ORDER_STATUSES)}
          and i.reserved_quantity + i.backordered_quantity > 0 order by 1`,
        run,
      ),
  },
  {
    id: 'order_events',
    title: 'The history of an order is numbered without gaps',
    severity: 'error',
    finding: 'An order: orderId, expected (events it counted), found, last (number)',
    repair: 'For a person: what is missing from a history cannot be made up.',
    statement: (run) =>
      check(
        'order_events',
        `select 'order:' || o.id as subject,
          jsonb_build_object('orderId', o.id, 'expected', o.event_seq, 'found', count(e.seq), 'last', coalesce(max(e.seq), 0)) as details
        from orders o left join order_events e on e.order_id = o.id
        where ${RECENT}
        group by o.id having count(e.seq) <> o.event_seq or coalesce(max(e.seq), 0) <> o.event_seq order by o.id`,
        run,
      ),
  },
  {
    id: 'order_shipments',
    title: 'Fulfilled units of items equal what left in shipments',
    severity: 'error',
    finding: 'An item: orderId, sku, fulfilled (by the item), shipped (picked up or delivered)',
    repair: 'For a person: only the carrier knows what left.',
    statement: (run) =>
      check(
        'order_shipments',
        `select 'order:' || i.order_id || ':' || i.sku as subject,
          jsonb_build_object('orderId', i.order_id, 'sku', i.sku, 'fulfilled', i.fulfilled_quantity, 'shipped', coalesce(s.units, 0)) as details
        from orders o join order_items i on i.order_id = o.id
        left join (select o.id as order_id, si.product_id, sum(si.quantity) as units
                   from orders o join shipments s on s.order_id = o.id join shipment_items si on si.shipment_id = s.id
                   where ${RECENT} and s.status in ${literals(LEFT_SHIPMENT_STATUSES)} group by 1, 2) s
          on s.order_id = i.order_id and s.product_id = i.product_id
        where ${RECENT} and i.fulfilled_quantity <> coalesce(s.units, 0) order by 1`,
        run,
      ),
  },
  {
    id: 'order_payments',
    title: 'What was captured and is not planned to go back is worth what shipped',
    severity: 'critical',
    finding:
      'A payment: orderId, paymentId, why (refunds_differ, unpaid, kept, not_counted: it says that money was captured, and not how much), amountMinor; refundedMinor and plannedMinor (by the payment), refundsMinor and plannedRefundsMinor (by its refunds); shippedMinor, currency',
    repair: 'For a person: money is never moved by a script.',
    statement: ({ since, graceSeconds }) => ({
      name: 'consistency.order_payments',
      // Sums by joins, not by a subquery for each payment: those take 17 µs an order where all are looked at.
      text: `with refunded as (
          select r.payment_id, sum(r.amount_minor) filter (where r.status = 'succeeded' or r.found_at is not null) as minor,
            sum(r.amount_minor) filter (where r.origin in ${literals(REFUND_ORIGINS_OF_SHIPPED)}) as goodwill, sum(r.amount_minor) as planned
          from orders o join payments p on p.order_id = o.id join refunds r on r.payment_id = p.id
          where ${RECENT} group by 1
        ), by_hand as (
          select c.payment_id, sum(c.amount_minor) as minor, coalesce(sum(c.amount_minor) filter (where c.settled_as = 'waived'), 0) as waived
          from orders o join captures c on c.order_id = o.id
          where ${RECENT} and c.status = 'settled_by_hand' group by 1
        ), shipped as (
          select s.reservation_id, ${priceSql('si.quantity', 'i')} as minor
          from orders o join shipments s on s.order_id = o.id join shipment_items si on si.shipment_id = s.id
          join order_items i on i.order_id = o.id and i.product_id = si.product_id
          where ${RECENT} and s.status in ${literals(LEFT_SHIPMENT_STATUSES)} group by 1
        ), payment as (
          select p.*, o.status as order_status, o.updated_at as order_updated_at,
            coalesce(r.minor, 0) as refunds_minor, coalesce(r.planned, 0) as planned_minor,
            -- What a person took in another way, or gave up, counts as taken.
            p.captured_minor + coalesce(h.minor, 0) - p.refund_planned_minor + coalesce(r.goodwill, 0) as kept_minor,
            coalesce(h.waived, 0) as waived_minor, case when p.serves then coalesce(s.minor, 0) else 0 end as shipped_minor
          from orders o join payments p on p.order_id = o.id
          left join refunded r on r.payment_id = p.id left join by_hand h on h.payment_id = p.id
          left join shipped s on s.reservation_id = p.reservation_id
          where ${RECENT} and p.status in ${literals(SETTLED_PAYMENT_STATUSES)}
        ), wrong as (
          select order_id, id as payment_id, amount_minor, refunded_minor, refunds_minor, refund_planned_minor, planned_minor,
            shipped_minor, currency,
            case when refunded_minor <> refunds_minor or refund_planned_minor <> planned_minor then 'refunds_differ'
                 when ${NOT_COUNTED} then 'not_counted' else 'kept' end as why
          from payment
          where refunded_minor <> refunds_minor or refund_planned_minor <> planned_minor or ${NOT_COUNTED}
             or (order_status not in ${literals(OPEN_ORDER_STATUSES)}
                 and order_updated_at < statement_timestamp() - make_interval(secs => $2)
                 and kept_minor <> shipped_minor
                 -- Less than what did not ship goes back only where a person gave the rest before.
                 and not (refund_planned_minor = captured_minor and kept_minor > shipped_minor)
                 -- Nothing goes back of what was given up.
                 and not (kept_minor > shipped_minor and kept_minor - waived_minor <= shipped_minor))
          union all
          select o.id, null, o.total_minor, 0, 0, 0, 0, 0, o.currency, 'unpaid' from orders o
          where ${RECENT} and o.status in ${literals(PAID_ORDER_STATUSES)} and o.total_minor > 0
            and not exists (select from payments p where p.order_id = o.id and p.status in ${literals([...PAID_PAYMENT_STATUSES, ...SETTLED_PAYMENT_STATUSES])})
        )
        select 'order:' || order_id || coalesce(':' || payment_id, '') as subject,
          jsonb_build_object('orderId', order_id, 'paymentId', payment_id, 'why', why, 'amountMinor', amount_minor, 'refundedMinor',
            refunded_minor, 'refundsMinor', refunds_minor, 'plannedMinor', refund_planned_minor, 'plannedRefundsMinor', planned_minor, 'shippedMinor', shipped_minor, 'currency', trim(currency)) as details
        from wrong order by 1`,
      values: [since, graceSeconds],
    }),
  },
];
