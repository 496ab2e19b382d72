import { many, type Queryable } from '../../platform/database/database';
import { utc } from '../../platform/database/pages';

/** A row of the statement. */
export interface BalanceTransaction {
  id: string;
  /** RFC 3339 */
  created: string;
  category: string;
  sourceId: string;
  /** The charge. */
  chargeRef: string | null;
  /** The payout that it is in; null: of a day that is not over, or on which nothing was left to pay out. */
  payoutRef: string | null;
  currency: string;
  /** Minor units; what takes money is negative. */
  minor: number;
}

/** What the sandbox did on a day, in UTC, and last the payouts of that day, once it is over. */
export function selectBalanceTransactions(on: Queryable, day: string): Promise<BalanceTransaction[]> {
  return many<BalanceTransaction & Record<string, unknown>>(
    on,
    'sandbox_gateway.balance_transactions',
    `with bounds as (
       select $1::date::timestamp at time zone 'UTC' as since, ($1::date + 1)::timestamp at time zone 'UTC' as until
     ), done as (
       select 'charge' as category, c.ref as source_id, c.ref as charge_ref, c.currency, c.captured_minor as minor, c.settles_at as at
       from sandbox_gateway.charges c where not c.capture_later and c.status = 'captured' and c.captured_minor > 0
       union all
       select 'charge', t.ref, t.charge_ref, c.currency, t.amount_minor, t.created_at
       from sandbox_gateway.captures t join sandbox_gateway.charges c on c.ref = t.charge_ref
       union all
       select 'refund', r.ref, r.charge_ref, c.currency, -r.amount_minor, r.created_at
       from sandbox_gateway.refunds r join sandbox_gateway.charges c on c.ref = r.charge_ref
       union all
       select 'refund_failure', r.ref, r.charge_ref, c.currency, r.amount_minor, r.fails_at
       from sandbox_gateway.refunds r join sandbox_gateway.charges c on c.ref = r.charge_ref where r.fails_at <= clock_timestamp()
       union all
       select 'dispute', replace(c.ref, '_ch_', '_dp_'), c.ref, c.currency, -c.captured_minor, d.due_at
       from sandbox_gateway.disputes d join sandbox_gateway.charges c on c.ref = d.charge_ref
       where d.due_at <= clock_timestamp() and c.captured_minor > 0
     ), today as (
       select d.*, sum(d.minor) over (partition by d.currency) as left_minor, 'sandbox_po_' || $1::date || '_' || d.currency as payout_ref
       from done d cross join bounds b where d.at >= b.since and d.at < b.until
     ), row_of as (
       select category, source_id, charge_ref, currency, minor, at, payout_ref,
         left_minor > 0 and b.until <= clock_timestamp() as is_paid_out, 0 as last
       from today cross join bounds b
       union all
       select distinct 'payout', payout_ref, null, currency, -left_minor::bigint, b.until - interval '1 second', payout_ref, true, 1
       from today cross join bounds b where left_minor > 0 and b.until <= clock_timestamp()
     )
     select 'sandbox_txn_' || category || '_' || source_id as id, ${utc('at')} as created, category, source_id as "sourceId",
       charge_ref as "chargeRef", case when is_paid_out then payout_ref end as "payoutRef", currency, minor
     from row_of order by last, at, source_id, category`,
    [day],
  );
}
