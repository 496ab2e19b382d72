import { execute, type Transaction } from '../../platform/database/database';
import type { PayoutKind } from './types';

export interface PayoutEntry {
  payoutId: string;
  kind: PayoutKind;
  merchantId: number;
  amountMinor: number | bigint;
  currency: string;
}

/**
 * Posts a step of a payout, effective now: what is to be paid is set aside, was paid, or is owed again. Each is posted once: the caller has
 * the payout's lock.
 */
export function insertPayoutEntry(tx: Transaction, entry: PayoutEntry): Promise<number> {
  const { payoutId, kind, merchantId, amountMinor, currency } = entry;
  return execute(
    tx,
    'money.post_payout',
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, source_id)
     select t.now, (t.now at time zone m.zone)::date, $2::text,
       case $2::text when 'payout_pending' then 'merchant_payable' else 'payouts_pending' end,
       case $2::text when 'payout_pending' then 'payouts_pending' when 'payout' then 'payouts' else 'merchant_payable' end,
       m.id, $4, $5, $1
     from merchants m cross join (select clock_timestamp() as now) t where m.id = $3`,
    [payoutId, kind, merchantId, amountMinor, currency],
  );
}
