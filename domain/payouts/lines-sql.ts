import { literals } from '../../platform/database/literals';
import { isSeenBy, wholeUpTo } from '../money/cut-sql';
import { PAYOUT_KINDS } from '../money/types';

/** SQL of what a row of the ledger adds to what its merchant is owed, minor units. */
export const owedBy = (row: string) =>
  `case when ${row}.credit = 'merchant_payable' then ${row}.amount_minor else -${row}.amount_minor end`;

/**
 * SQL condition on rows `l` of the ledger that are lines of a payout: what changes what the merchant is owed, that is in its cut and not in
 * that of the payout before. What is below all that was being written then is left out by the index.
 *
 * @param merchant SQL of the merchant's id
 * @param cut SQL of what has the cut, as `sees_to` and `missing`
 * @param before SQL of the same of the payout before, which are null where there is none
 */
export function isLine(of: { merchant: string; currency: string; cut: string; before: string }): string {
  const { merchant, currency, cut, before } = of;
  return `l.merchant_id = ${merchant} and l.currency = ${currency} and 'merchant_payable' in (l.debit, l.credit)
       and l.kind not in ${literals(PAYOUT_KINDS)}
       and l.id > coalesce(${wholeUpTo(before)}, 0)
       and ${isSeenBy('l', cut)} and (${before}.sees_to is null or not ${isSeenBy('l', before)})`;
}
