/**
 * `gateway_clearing`: what payment gateways have taken for us; `merchant_payable`: what a merchant is owed; `customer_credit`: what was
 * taken and belongs to no merchant, so that it is the customer's; `fees`: what merchants were charged; `refunds`, `disputes`: what went back
 * to customers, by us and by their banks; `payouts`: what merchants were paid.
 */
export const ACCOUNTS = [
  'gateway_clearing',
  'merchant_payable',
  'customer_credit',
  'fees',
  'refunds',
  'disputes',
  'payouts',
] as const;

/**
 * What moves money. `refund_failed` takes back a refund that had succeeded, as the customer's bank sent it back; `dispute_reversed` a
 * dispute whose money came back.
 */
export const MONEY_KINDS = [
  'capture',
  'refund',
  'refund_failed',
  'dispute',
  'dispute_reversed',
  'fee',
  'fee_returned',
] as const;
export type MoneyKind = (typeof MONEY_KINDS)[number];

/** A row of these is a transaction of a merchant. Fees are not. */
export const TRANSACTION_KINDS = [
  'capture',
  'refund',
  'refund_failed',
  'dispute',
  'dispute_reversed',
] as const satisfies readonly MoneyKind[];

/** These raise what is owed to the merchant or the customer; the others lower it. */
export const CREDITING_KINDS = [
  'capture',
  'refund_failed',
  'dispute_reversed',
  'fee_returned',
] as const satisfies readonly MoneyKind[];
