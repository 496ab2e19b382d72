import { literals } from '../../platform/database/literals';
import { PAYOUT_KINDS } from '../money/types';

/** SQL of what a row of the ledger adds to what its merchant is owed, minor units. */
export const owedBy = (row: string) =>
  `case when ${row}.credit = 'merchant_payable' then ${row}.amount_minor else -${row}.amount_minor end`;

/**
 * SQL condition on rows `l` of the ledger that are lines of a payout: what changes what the merchant is owed, that the one snapshot shows and
 * the other does not. Rows of transactions that are older than all that was running at the other are left out by the index.
 *
 * @param merchant SQL of the merchant's id
 * @param shown SQL of the payout's snapshot
 * @param before SQL of the snapshot of the payout before; null: there is none
 */
export function isLine(of: { merchant: string; currency: string; shown: string; before: string }): string {
  return `l.merchant_id = ${of.merchant} and l.currency = ${of.currency} and 'merchant_payable' in (l.debit, l.credit)
       and l.kind not in ${literals(PAYOUT_KINDS)}
       and l.xid::text::bigint >= coalesce(pg_snapshot_xmin(${of.before})::text::bigint, 0)
       and l.xid::text::bigint < pg_snapshot_xmax(${of.shown})::text::bigint
       and pg_visible_in_snapshot(l.xid, ${of.shown})
       and (${of.before} is null or not pg_visible_in_snapshot(l.xid, ${of.before}))`;
}
