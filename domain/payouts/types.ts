/**
 * `pending`: a second person is to approve it; `approved`: it is to be paid; `paid`: the bank has made the transfer; `cancelled`: what it was
 * about is owed again.
 */
export const PAYOUT_STATUSES = ['pending', 'approved', 'paid', 'cancelled'] as const;
export type PayoutStatus = (typeof PAYOUT_STATUSES)[number];

/** What it is about is set aside. A merchant has one of a currency at most. */
export const OPEN_PAYOUT_STATUSES = ['pending', 'approved'] as const satisfies readonly PayoutStatus[];

/** A payout as clients see it. Times RFC 3339. */
export interface PayoutView {
  id: string;
  merchant: string;
  currency: string;
  status: PayoutStatus;
  /** Minor units, more than zero. */
  amountMinor: number | bigint;
  /** How many rows of the money ledger it pays. */
  lines: number;
  createdBy: string;
  createdAt: string;
  approvedBy: string | null;
  approvedAt: string | null;
  /** The bank's, of the transfer. */
  reference: string | null;
  /** `YYYY-MM-DD` */
  paidOn: string | null;
  paidBy: string | null;
  paidAt: string | null;
  cancelReason: string | null;
  cancelledBy: string | null;
  cancelledAt: string | null;
}

/** Who may approve a payout: anybody who did not make it, or its maker as well. */
export type PayoutApproval = 'second_person' | 'anyone';

/** A line of a statement: a row of the money ledger that changes what the merchant is owed. */
export interface StatementLine {
  /** Of the row. */
  id: number;
  day: string;
  at: string;
  kind: string;
  orderId: string | null;
  paymentId: string | null;
  sourceId: string;
  /** Minor units; what the merchant is owed less is negative. */
  minor: number | bigint;
}
