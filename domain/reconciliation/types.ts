import type { DateOrder } from './dates';
import type { DecimalMark, STATEMENT_MODES, UploadCharset, UploadFormat } from '../uploads/types';

/** Whose statement is uploaded: that of a payment gateway, which lists its transactions, or that of a bank account. */
export type StatementMode = (typeof STATEMENT_MODES)[number];

/**
 * What a row may be about that can be known of both sides, by the names of the money ledger. `payout`: the gateway paid us, or the bank has a
 * transfer; `other`: what the ledger has no name for.
 */
export const ENTRY_KINDS = [
  'capture',
  'refund',
  'refund_failed',
  'dispute',
  'dispute_reversed',
  'payout',
  'other',
] as const;

/** What a row of a file may be about. `cost`: fees of the gateway that are rows of their own, which are in no list of ours. */
export const ROW_KINDS = [...ENTRY_KINDS, 'cost'] as const;
export type RowKind = (typeof ROW_KINDS)[number];

/**
 * `missing_here`: the money ledger does not have it; `missing_there`: the file does not; `amount`, `fee`, `currency`, `date`: both have it, and
 * differ in that; `duplicate`: the file has it more than once; `unreadable`: a row that could not be understood.
 */
export const DIFFERENCE_CLASSES = [
  'missing_here',
  'missing_there',
  'amount',
  'fee',
  'currency',
  'date',
  'duplicate',
  'unreadable',
] as const;
export type DifferenceClass = (typeof DIFFERENCE_CLASSES)[number];

export const DIFFERENCE_STATUSES = ['open', 'accepted', 'booked'] as const;
export type DifferenceStatus = (typeof DIFFERENCE_STATUSES)[number];

/** What somebody asks for, as the input of the job has it. */
export interface ReconciliationRequest {
  mode: StatementMode;
  /** Days in UTC, both included, `YYYY-MM-DD`: of these, what is missing is told. */
  from: string;
  to: string;
  /** Of whose transactions the file is; of a bank's statement null. */
  gateway: string | null;
  /** A bank's statement is compared with the payouts of this reconciliation of a gateway; null: with none. */
  gatewayJobId: string | null;
  /** Of a bank's account: only payouts in it are compared, ISO 4217; null: all. */
  accountCurrency: string | null;
  /** So many days may lie between what both sides say. */
  toleranceDays: number;
  /** What the gateway charges of a capture by contract; null: only that gross, fee and net of a row fit is looked at. */
  fee: { rateBasisPoints: number; fixedMinor: number } | null;
  /** Differences are told, and nothing is to be decided about them. */
  dryRun: boolean;
}

/** How a file is to be read. */
export interface StatementFormat {
  format: UploadFormat;
  charset?: UploadCharset | undefined;
  /** What stands before decimals. */
  decimal: DecimalMark;
  /** Of rows that name none, ISO 4217. */
  currency?: string | undefined;
  /** Of dates that could be read in two ways. */
  dateOrder?: DateOrder | undefined;
}

/** A row as it was read. Money in minor units. */
export interface StatementRow {
  line: number;
  kind: RowKind;
  ref: string | null;
  minor: bigint;
  feeMinor: bigint | null;
  netMinor: bigint | null;
  currency: string;
  /** `YYYY-MM-DD` */
  day: string;
  groupRef: string | null;
}

/** A row that could not be understood, and why. */
export interface StatementReject {
  line: number;
  code: string;
  reason: string;
  ref: string | null;
}

/** A difference as clients see it. Money in minor units. */
export interface DifferenceView {
  n: number;
  class: DifferenceClass;
  kind: RowKind | null;
  ref: string | null;
  line: number | null;
  sourceId: string | null;
  oursMinor: number | bigint | null;
  theirsMinor: number | bigint | null;
  /** What they have more than we; null: there is nothing that could be booked. */
  deltaMinor: number | bigint | null;
  oursCurrency: string | null;
  theirsCurrency: string | null;
  oursDay: string | null;
  theirsDay: string | null;
  detail: string | null;
  /** The decision about an earlier file that it goes on from: it is what is new since. */
  earlierJobId: string | null;
  earlierN: number | null;
  status: DifferenceStatus;
  reason: string | null;
  decidedBy: string | null;
  decidedAt: string | null;
  adjustmentId: string | null;
  merchant: string | null;
}
