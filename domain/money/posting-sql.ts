import { floorOf, partOf, remainderOf } from '../../platform/database/largest-remainder';
import { literals } from '../../platform/database/literals';
import { LOWERING_KINDS, RAISING_KINDS } from './types';

/** SQL of who sold the item `i` of an order, whose product is `o`: the version before does not write it. */
export const SOLD_BY = 'coalesce(i.merchant_id, o.merchant_id)';

/**
 * SQL of the shares of merchants in an amount, as `share (merchant_id, amount)`: by the set `weight (merchant_id, weight)`, or where that
 * has nothing, by the items of the order `source.order_id`; of one without items it is ours. A merchant that is null stands for the customer.
 *
 * @param amount SQL of the amount, minor units
 */
export function sharesSql(amount: string): string {
  const part = { amount: 'w.whole', weight: 'w.weight', total: '(sum(w.weight) over ())' };
  const share = { floor: 'down', remainder: 'rest', amount: 'whole', within: 'whole' };
  return `item_weight as (
       select ${SOLD_BY} as merchant_id, sum(greatest(i.quantity * i.unit_price_minor, 1))::numeric as weight
       from source s join order_items i on i.order_id = s.order_id join products o on o.id = i.product_id
       where not exists (select from weight where weight > 0) group by 1
     ), weighed as (
       select merchant_id, weight, (${amount})::numeric as whole from weight where weight > 0
       union all select merchant_id, weight, ${amount} from item_weight
       union all select 1, 1, ${amount}
       where not exists (select from weight where weight > 0) and not exists (select from item_weight)
     ), parted as (
       select w.merchant_id, w.weight, w.whole, ${floorOf(part)} as down, ${remainderOf(part)} as rest from weighed w
     ), share as (
       select merchant_id, (${partOf({ ...share, order: 'weight desc, merchant_id' })})::bigint as amount from parted
     )`;
}

/** SQL of what a row of the ledger adds to what was captured and is left, minor units; null: it is a fee. */
export function leftOf(row: string): string {
  return `case when ${row}.kind in ${literals(RAISING_KINDS)} then ${row}.amount_minor
               when ${row}.kind in ${literals(LOWERING_KINDS)} then -${row}.amount_minor end`;
}

/**
 * SQL of what the ledger has of the payment `source.payment_id` by merchant, as `posted`: what was `captured`, what is `left_minor` of it,
 * what was `refunded`; the `fees` of which a refund gives a part back, and what of them is `returned`.
 *
 * @param without SQL condition on rows `l` that count as if they were not there
 */
export function postedSql(without = 'false'): string {
  return `posted as (
       select l.merchant_id,
         coalesce(sum(l.amount_minor) filter (where l.kind = 'capture'), 0) as captured,
         coalesce(sum(${leftOf('l')}), 0) as left_minor,
         coalesce(sum(case l.kind when 'refund' then l.amount_minor when 'refund_failed' then -l.amount_minor end), 0) as refunded,
         coalesce(sum(l.amount_minor) filter (where l.kind = 'fee' and f.is_returned), 0) as fees,
         -- One that is charged again, since the refund failed, has no rule.
         coalesce(sum(case when l.kind = 'fee_returned' then l.amount_minor
                           when l.kind = 'fee' and l.fee_rule_id is null then -l.amount_minor end), 0) as returned
       from source s join money_ledger l on l.payment_id = s.payment_id left join fee_rules f on f.id = l.fee_rule_id
       where not (${without}) group by l.merchant_id
     )`;
}

const OWNER = `case when e.merchant_id is null then 'customer_credit' else 'merchant_payable' end`;

/**
 * SQL that writes entries about the one row of `source`.
 *
 * @param entries the set of them, `(kind, merchant_id, amount, fee_rule_id, later)`; `later`: of how many turns after that of the source
 * @param units SQL of what the entry `e` pays for; null: nothing is noted
 */
export const insertEntries = (entries: string, units = 'null::jsonb') => `
     insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id, turn,
       fee_rule_id, units)
     select s.effective_at, (s.effective_at at time zone coalesce(m.zone, 'UTC'))::date, e.kind,
       case e.kind when 'capture' then 'gateway_clearing' when 'refund_failed' then 'refunds' when 'dispute_reversed' then 'disputes'
                   when 'fee_returned' then 'fees' else ${OWNER} end,
       case e.kind when 'refund' then 'refunds' when 'dispute' then 'disputes' when 'fee' then 'fees' else ${OWNER} end,
       e.merchant_id, e.amount, s.currency, s.payment_id, s.source_id, s.turn + e.later, e.fee_rule_id, ${units}
     from source s cross join ${entries} e left join merchants m on m.id = e.merchant_id where e.amount > 0`;
