import { fieldsOf } from '../uploads/rules';
import type { RowKind } from './types';

/** Columns of a file. `amount`, `fee` and `net` are in major units where the file is CSV, and in minor ones where it is JSON lines. */
export const STATEMENT_FIELDS = [
  'id',
  'category',
  'kind',
  'source',
  'intent',
  'payout',
  'amount',
  'amountMinor',
  'debit',
  'credit',
  'direction',
  'fee',
  'net',
  'currency',
  'date',
  'dateUtc',
] as const;
export type StatementField = (typeof STATEMENT_FIELDS)[number];

const ALIASES: Readonly<Record<StatementField, readonly string[]>> = {
  id: ['balancetransactionid', 'balancetransaction', 'transactionid'],
  // Tells more than the type: what is an adjustment there may be of a dispute, or a refund that failed.
  category: ['reportingcategory'],
  kind: ['type'],
  source: ['sourceid', 'reference', 'ref', 'endtoendid'],
  intent: ['paymentintentid', 'paymentintent'],
  payout: ['automaticpayoutid', 'payoutid', 'transfer'],
  amount: ['gross', 'betrag', 'umsatz'],
  amountMinor: [],
  debit: ['debitamount', 'paidout', 'moneyout', 'withdrawal', 'withdrawals', 'soll'],
  credit: ['creditamount', 'paidin', 'moneyin', 'deposit', 'deposits', 'haben'],
  direction: [
    'debit/credit',
    'credit/debit',
    'debitcredit',
    'creditdebit',
    'creditdebitindicator',
    'dr/cr',
    'cr/dr',
    'd/c',
    'c/d',
    's/h',
    'soll/haben',
  ],
  fee: ['fees'],
  net: [],
  currency: ['currencycode', 'ccy', 'währung', 'waehrung'],
  date: [
    'created',
    'createdat',
    'effectiveat',
    'day',
    'bookingdate',
    'bookedon',
    'postingdate',
    'transactiondate',
    'buchungstag',
    'buchungsdatum',
  ],
  dateUtc: ['createdutc', 'created(utc)', 'effectiveatutc'],
};

/** The field that the name of a column means; undefined: none. */
export const fieldOf = fieldsOf<StatementField>(ALIASES);

/** What a gateway's categories and types are in the ledger, as Stripe names them (https://docs.stripe.com/reports/reporting-categories). */
const KINDS: Readonly<Record<string, RowKind>> = {
  charge: 'capture',
  payment: 'capture',
  // A capture of less than was authorised is two rows: all of it, and what was not captured taken back.
  partial_capture_reversal: 'capture',
  // A payment that was announced, and came to nothing.
  charge_failure: 'capture',
  payment_failure_refund: 'capture',
  payment_reversal: 'capture',
  refund: 'refund',
  payment_refund: 'refund',
  refund_failure: 'refund_failed',
  dispute: 'dispute',
  dispute_reversal: 'dispute_reversed',
  payout: 'payout',
  // The money of a payout that the bank did not take.
  payout_reversal: 'payout',
  payout_failure: 'payout',
  payout_cancel: 'payout',
  fee: 'cost',
  stripe_fee: 'cost',
  stripe_fx_fee: 'cost',
  application_fee: 'cost',
  tax: 'cost',
  tax_fee: 'cost',
  network_cost: 'cost',
};

/**
 * The kind of a row of a gateway's file. An `adjustment` is what its source is: a refund that failed, or a dispute, whose money is taken or given
 * back by its sign. What has no name here is `other`.
 */
export function kindOf(category: string, { minor, source }: { minor: bigint; source: string }): RowKind {
  const known = KINDS[category.trim().toLowerCase()];
  if (known) return known;
  if (category.trim().toLowerCase() !== 'adjustment') return 'other';
  if (/^(?:re|pyr)_/.test(source)) return minor < 0n ? 'refund' : 'refund_failed';
  if (!/^(?:dp|du)_/.test(source)) return 'other';
  return minor < 0n ? 'dispute' : 'dispute_reversed';
}
