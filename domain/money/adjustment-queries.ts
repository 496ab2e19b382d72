import { execute, type Transaction } from '../../platform/database/database';

export interface Adjustment {
  /** Its `source_id`: it is posted once. */
  id: string;
  /** What a gateway or bank has more than the ledger, minor units; less is negative. */
  deltaMinor: number | bigint;
  currency: string;
  /** Who owes or is owed it; null: us. */
  merchantId: number | null;
}

/** Posts what a gateway or bank has more, or less, than the ledger, effective now. */
export function insertAdjustment(tx: Transaction, adjustment: Adjustment): Promise<number> {
  const { id, deltaMinor, currency, merchantId } = adjustment;
  return execute(
    tx,
    'money.post_adjustment',
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, source_id)
     select t.now, (t.now at time zone coalesce(m.zone, 'UTC'))::date, 'adjustment',
       case when $2::bigint > 0 then 'gateway_clearing' else t.owner end, case when $2::bigint > 0 then t.owner else 'gateway_clearing' end,
       $4::int, abs($2::bigint), $3, $1
     from (select clock_timestamp() as now, case when $4::int is null then 'adjustments' else 'merchant_payable' end as owner) t
     left join merchants m on m.id = $4::int`,
    [id, deltaMinor, currency, merchantId],
  );
}
