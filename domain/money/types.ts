/**
 * `gateway_clearing`: what payment gateways have taken for us; `merchant_payable`: what a merchant is owed; `customer_credit`: what was
 * taken and belongs to no merchant, so that it is the customer's; `fees`: what merchants were charged; `refunds`, `disputes`: what went back
 * to customers, by us and by their banks; `payouts_pending`: what is on its way to merchants; `payouts`: what merchants were paid;
 * `adjustments`: what was booked of differences that nobody could explain otherwise.
 */
export const ACCOUNTS = [
  'gateway_clearing',
  'merchant_payable',
  'customer_credit',
  'fees',
  'refunds',
  'disputes',
  'payouts_pending',
  'payouts',
  'adjustments',
] as const;

/**
 * What moves money. `refund_failed` takes back a refund that had succeeded, as the customer's bank sent it back; `dispute_reversed` a
 * dispute whose money came back. `payout_pending` sets aside what a merchant is to be paid, until `payout` says that it was, or
 * `payout_voided` that it was not. `adjustment` books a difference between the ledger and what a gateway or bank says.
 */
export const MONEY_KINDS = [
  'capture',
  'refund',
  'refund_failed',
  'dispute',
  'dispute_reversed',
  'fee',
  'fee_returned',
  'payout_pending',
  'payout',
  'payout_voided',
  'adjustment',
] as const;
export type MoneyKind = (typeof MONEY_KINDS)[number];

/** Of what moves a customer's money these raise what is left of it, and the other ones lower it. Fees are neither. */
export const RAISING_KINDS = [
  'capture',
  'refund_failed',
  'dispute_reversed',
] as const satisfies readonly MoneyKind[];
export const LOWERING_KINDS = ['refund', 'dispute'] as const satisfies readonly MoneyKind[];

/** What merchants are charged, and what of that is given back. */
export const FEE_KINDS = ['fee', 'fee_returned'] as const satisfies readonly MoneyKind[];

/** What pays merchants. They are of no payment. */
export const PAYOUT_KINDS = [
  'payout_pending',
  'payout',
  'payout_voided',
] as const satisfies readonly MoneyKind[];

/** These are of no payment, and in no settlement file. */
export const KINDS_WITHOUT_PAYMENT = [...PAYOUT_KINDS, 'adjustment'] as const satisfies readonly MoneyKind[];
export type PayoutKind = (typeof PAYOUT_KINDS)[number];

/**
 * What a merchant is charged of each capture, from a time on until its next rule of the currency:
 * a part of the amount, rounded half to even, and a fixed amount, together at least the minimum and at most the maximum.
 */
export interface FeeRuleTerms {
  /** ISO 4217 */
  currency: string;
  /** Hundredths of a per cent */
  rateBasisPoints: number;
  /** Minor units, as the others */
  fixedMinor: number;
  minimumMinor: number;
  /** Null: there is none. */
  maximumMinor: number | null;
  /** A refund gives the same part of the fee back. */
  isReturned: boolean;
}

export interface NewFeeRule extends FeeRuleTerms {
  /** Null: now. */
  effectiveFrom: Date | null;
}
