import { execute, type Transaction } from '../../platform/database/database';
import { insertEntries, postedSql, sharesSql, SOLD_BY } from './posting-sql';

export interface CapturedMoney {
  /** The capture; of a payment that was captured at once, the payment. */
  sourceId: string;
  paymentId: string;
  amountMinor: number;
  /** It is for nothing that was sold, and goes back. */
  isUnwanted?: boolean;
  /** Null or absent, or later than now: now. */
  effectiveAt?: Date | null;
}

/** SQL of the units of the set `sold` that a capture pays its merchant for: product, warehouse, and minor units at their price. */
const CAPTURED_UNITS = `case e.kind when 'capture' then (
         select jsonb_agg(jsonb_build_array(d.product_id, d.warehouse_id, d.weight) order by d.product_id, d.warehouse_id)
         from sold d where d.merchant_id = e.merchant_id) end`;

/** Posts what was captured, and what its merchants are charged of it. The caller has the payment's lock. */
export function insertCapture(tx: Transaction, captured: CapturedMoney): Promise<number> {
  const { sourceId, paymentId, amountMinor, isUnwanted = false, effectiveAt = null } = captured;
  return execute(
    tx,
    'money.post_capture',
    `with source as (
       select $1::uuid as source_id, p.id as payment_id, p.order_id, p.reservation_id, p.currency, c.shipment_id, 0 as turn,
         least($5::timestamptz, clock_timestamp()) as effective_at
       from payments p left join captures c on c.id = $1 where p.id = $2
     ), unit as (
       -- Of one parcel, or of all that is not captured apart: what is still reserved, and what has left.
       select s.order_id, u.product_id, h.warehouse_id, u.quantity
       from source s join shipments h on h.id = s.shipment_id join shipment_items u on u.shipment_id = h.id
       union all
       select s.order_id, u.product_id, u.warehouse_id, u.open_quantity from source s join reservation_lines u on u.reservation_id = s.reservation_id
       where s.shipment_id is null and u.open_quantity > 0
       union all
       select s.order_id, u.product_id, h.warehouse_id, u.quantity
       from source s join shipments h on h.reservation_id = s.reservation_id and h.status in ('picked_up', 'delivered')
       join shipment_items u on u.shipment_id = h.id
       where s.shipment_id is null and not exists (select from captures a where a.payment_id = $2 and a.shipment_id = h.id)
     ), sold as (
       select ${SOLD_BY} as merchant_id, u.product_id, u.warehouse_id, sum(u.quantity * i.unit_price_minor)::numeric as weight
       from unit u join order_items i on i.order_id = u.order_id and i.product_id = u.product_id join products o on o.id = i.product_id
       where not $4 group by 1, 2, 3
     ), weight as (
       select merchant_id, sum(weight) as weight from sold group by 1
       union all select null, 1 where $4
     ), ${sharesSql('$3::bigint')}, charged as (
       select h.merchant_id, h.amount, f.id as fee_rule_id,
         fee_of(h.amount, f.rate_bp, f.fixed_minor, f.minimum_minor, f.maximum_minor) as fee
       from share h cross join source s left join lateral (
         select * from fee_rules f
         where f.merchant_id = h.merchant_id and f.currency = s.currency and f.effective_from <= s.effective_at
         order by f.effective_from desc limit 1) f on true
     ), entry as (
       select 'capture' as kind, merchant_id, amount, null::int as fee_rule_id, 0 as later from charged
       union all select 'fee', merchant_id, fee, fee_rule_id, 0 from charged where fee_rule_id is not null and amount > 0
     )${insertEntries('entry', CAPTURED_UNITS)}`,
    [sourceId, paymentId, amountMinor, isUnwanted, effectiveAt],
  );
}

/**
 * Posts a refund that was paid out, and what its merchants get back of their fees. Of what belongs to no merchant a refund of the whole
 * charge takes first; else by the units that it is for, or by what is left of each merchant. The caller has the payment's lock.
 *
 * @param effectiveAt null or absent, or later than now: now
 */
export function insertRefund(
  tx: Transaction,
  refundId: string,
  effectiveAt: Date | null = null,
): Promise<number> {
  return execute(
    tx,
    'money.post_refund',
    `with source as (
       select r.id as source_id, r.payment_id, p.order_id, p.currency, r.amount_minor as amount, r.for_products,
         coalesce(r.origin = 'payment', false) as is_of_charge, least($2::timestamptz, clock_timestamp()) as effective_at,
         (select coalesce(max(l.turn) + 1, 0) from money_ledger l where l.source_id = r.id and l.kind = 'refund') as turn
       from refunds r join payments p on p.id = r.payment_id where r.id = $1
     ), ${postedSql()}, unowned as (
       select case when s.is_of_charge then least(s.amount, greatest(coalesce(p.left_minor, 0), 0)) else 0 end as amount
       from source s left join posted p on p.merchant_id is null
     ), weight as (
       select ${SOLD_BY} as merchant_id, sum(g.value::numeric) as weight
       from source s cross join lateral jsonb_each_text(s.for_products) g
       join order_items i on i.order_id = s.order_id and i.product_id = g.key::int join products o on o.id = i.product_id
       group by 1
       union all
       select p.merchant_id, p.left_minor from source s cross join posted p
       where s.for_products is null and not (s.is_of_charge and p.merchant_id is null)
     ), ${sharesSql('(select s.amount - u.amount from source s cross join unowned u)')}, returned as (
       select h.merchant_id, h.amount,
         half_even(p.fees * least(p.refunded + h.amount, p.captured), nullif(p.captured, 0)) - p.returned as fee
       from share h left join posted p on p.merchant_id = h.merchant_id
     ), entry as (
       select 'refund' as kind, merchant_id, amount, null::int as fee_rule_id from returned
       union all select 'refund', null, amount, null from unowned
       union all select 'fee_returned', merchant_id, fee, null from returned where fee > 0
     ), merged as (
       select kind, merchant_id, sum(amount)::bigint as amount, fee_rule_id, 0 as later from entry group by 1, 2, 4
     )${insertEntries('merged')}`,
    [refundId, effectiveAt],
  );
}

/** Takes a refund back that had succeeded: what was posted of it last, the other way round. The caller has the payment's lock. */
export function insertRefundFailed(tx: Transaction, refundId: string): Promise<number> {
  return execute(
    tx,
    'money.post_refund_failed',
    `with source as (
       select r.id as source_id, r.payment_id, p.currency, clock_timestamp() as effective_at,
         (select max(l.turn) from money_ledger l where l.source_id = r.id and l.kind = 'refund') as turn
       from refunds r join payments p on p.id = r.payment_id where r.id = $1
     ), entry as (
       select case l.kind when 'refund' then 'refund_failed' else 'fee' end as kind, l.merchant_id, l.amount_minor as amount,
         null::int as fee_rule_id, 0 as later
       from source s join money_ledger l on l.source_id = s.source_id and l.turn = s.turn and l.kind in ('refund', 'fee_returned')
     )${insertEntries('entry')}`,
    [refundId],
  );
}

/**
 * Posts what a dispute has taken, where that is not what the ledger has of it: first what it has comes back. Each merchant bears a part by
 * what is left of it. The caller has the payment's lock.
 *
 * @param takenMinor what the bank has taken; 0: nothing, or it came back
 * @param effectiveAt later than now: now
 */
export function insertDispute(
  tx: Transaction,
  { disputeId, takenMinor, effectiveAt }: { disputeId: string; takenMinor: number; effectiveAt: Date },
): Promise<number> {
  return execute(
    tx,
    'money.post_dispute',
    `with known as (
       select max(l.turn) as turn, coalesce(sum(case l.kind when 'dispute' then l.amount_minor else -l.amount_minor end), 0) as minor
       from money_ledger l where l.source_id = $1
     ), source as (
       select d.id as source_id, d.payment_id, p.order_id, d.currency, least($3::timestamptz, clock_timestamp()) as effective_at, k.turn as known_turn, k.minor as known,
         case when k.minor > 0 then k.turn else coalesce(k.turn, -1) + 1 end as turn
       from disputes d join payments p on p.id = d.payment_id cross join known k where d.id = $1 and k.minor <> $2::bigint
     ), ${postedSql('l.source_id = s.source_id')}, weight as (
       select merchant_id, left_minor as weight from posted
     ), ${sharesSql('$2::bigint')}, entry as (
       select 'dispute_reversed' as kind, l.merchant_id, l.amount_minor as amount, null::int as fee_rule_id
       from source s join money_ledger l on l.source_id = s.source_id and l.turn = s.known_turn and l.kind = 'dispute'
       where s.known > 0
       union all select 'dispute', merchant_id, amount, null from share
     ), placed as (
       -- What is taken anew has the next turn.
       select e.*, (e.kind = 'dispute' and s.known > 0)::int as later from entry e cross join source s
     )${insertEntries('placed')}`,
    [disputeId, takenMinor, effectiveAt],
  );
}
