import type { Statement } from '../../platform/database/database';

/** `critical`: what is sold or owed may be wrong; `error`: data disagrees; `warning`: something does not move. */
export const SEVERITIES = ['critical', 'error', 'warning'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** `incremental`: what changed since the last verified seal or the last run; `full`: everything. */
export const CHECK_MODES = ['incremental', 'full'] as const;
export type CheckMode = (typeof CHECK_MODES)[number];

export interface CheckInfo {
  id: CheckId;
  title: string;
  severity: Severity;
  /** What one finding is about, and what its details hold. */
  finding: string;
  /** What the repair script does about it, or why it is left to a person. */
  repair: string;
}

/** What a check may need to know of the run it is part of. */
export interface CheckScope {
  mode: CheckMode;
  /** Findings that are read at most. */
  limit: number;
  /** What is younger than this may be on its way, seconds. */
  graceSeconds: number;
  /** Rows of orders and transfers that were not touched since are left out; null: none are. */
  since: Date | null;
}

/** What of large tables an incremental run looks at, beside what was touched: each run has another share, until all was looked at. */
export interface Share {
  /** Stock rows, and what is tracked, of products with these ids; null: up to the last. */
  productsAfter: number;
  productsUpTo: number | null;
  /** Lines of reservations with these ids. */
  linesAfter: string;
  linesUpTo: string | null;
}

/** What a check that is one statement needs to know: the run, and what of the ledger is summed up. */
export interface CheckRun extends CheckScope {
  /** Up to where the ledger's sums are kept: the last row that is in them. Zero: none is. */
  summedUp: TransactionPosition;
  /** Of an incremental run; without it, everything. */
  share?: Share;
}

/** Of a row of the ledger, in the order of its transactions. */
export interface TransactionPosition {
  xid: number;
  id: number;
}

/** A check that is one SQL statement, so that it sees one snapshot whatever runs beside it. Selects `subject` and `details`. */
export interface SqlCheck extends CheckInfo {
  statement(run: CheckRun): Statement;
}

export interface Finding {
  /** In words an operator knows: SKU@WAREHOUSE, order:<id>, hold:<id>, ... */
  subject: string;
  details: Readonly<Record<string, unknown>>;
}

export interface StoredFinding extends Finding {
  id: number;
  check: CheckId;
  severity: Severity;
  repairable: boolean;
}

export interface CheckResult {
  id: CheckId;
  title: string;
  severity: Severity;
  findings: number;
  /** There were more than are stored. */
  truncated: boolean;
  milliseconds: number;
}

export const CHECK_IDS = [
  'guards',
  'on_hand_ledger',
  'reserved_ledger',
  'reserved_holds',
  'phantom_stock',
  'orphaned_holds',
  'ended_holds',
  'confirmed_holds',
  'lines_without_hold',
  'ledger_keys',
  'order_items_holds',
  'order_backorders',
  'free_beside_waiting',
  'order_ended_units',
  'order_events',
  'order_shipments',
  'late_shipments',
  'held_shipments',
  'order_payments',
  'money_ledger',
  'report_sums',
  'analytics_sums',
  'payouts',
  'lots_on_hand',
  'lot_movements',
  'serials_in_stock',
  'quality_holds',
  'transfers_lost_units',
  'outbox_stuck',
  'workflow_gone',
  'workflow_outlives_order',
  'seals',
  'audit_seals',
  'money_seals',
] as const;

export type CheckId = (typeof CHECK_IDS)[number];
