import { fieldsOf } from '../uploads/rules';
import type { RowKind } from './types';

/** Columns of a file. `amount`, `fee` and `net` are in major units where the file is CSV, and in minor ones where it is JSON lines. */
export const STATEMENT_FIELDS = [
  'id',
  'kind',
  'source',
  'intent',
  'payout',
  'amount',
  'amountMinor',
  'fee',
  'net',
  'currency',
  'date',
  'dateUtc',
] as const;
export type StatementField = (typeof STATEMENT_FIELDS)[number];

const ALIASES: Readonly<Record<StatementField, readonly string[]>> = {
  id: ['balancetransactionid', 'balancetransaction', 'transactionid'],
  kind: ['reportingcategory', 'type', 'category'],
  source: ['sourceid', 'reference', 'ref', 'endtoendid'],
  intent: ['paymentintentid', 'paymentintent'],
  payout: ['automaticpayoutid', 'payoutid'],
  amount: ['gross'],
  amountMinor: [],
  fee: ['fees'],
  net: [],
  currency: [],
  date: ['created', 'createdat', 'day', 'bookingdate', 'bookedon'],
  dateUtc: ['createdutc'],
};

/** The field that the name of a column means; undefined: none. */
export const fieldOf = fieldsOf<StatementField>(ALIASES);

/** What a gateway's categories and types are in the ledger, as Stripe names them. */
const KINDS: Readonly<Record<string, RowKind>> = {
  charge: 'capture',
  payment: 'capture',
  // A capture of less than was authorised is two rows: all of it, and what was not captured taken back.
  partial_capture_reversal: 'capture',
  refund: 'refund',
  payment_refund: 'refund',
  refund_failure: 'refund_failed',
  payment_failure_refund: 'refund_failed',
  dispute: 'dispute',
  dispute_reversal: 'dispute_reversed',
  payout: 'payout',
  fee: 'cost',
  stripe_fee: 'cost',
  application_fee: 'cost',
  tax: 'cost',
  network_cost: 'cost',
};

/**
 * The kind of a row of a gateway's file. What takes or gives back the money of a dispute is an `adjustment` in older ones, told apart by
 * its sign; what has no name here is `other`.
 */
export function kindOf(category: string, minor: bigint): RowKind {
  const known = KINDS[category.trim().toLowerCase()];
  if (known) return known;
  if (category.trim().toLowerCase() !== 'adjustment') return 'other';
  return minor < 0n ? 'dispute' : 'dispute_reversed';
}
