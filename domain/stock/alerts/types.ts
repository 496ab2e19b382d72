import type { StockKey } from '../ledger/types';

/**
 * Every kind of alert, with what it says and what raises and resolves it: `stock`, a trigger, in the transaction that changes
 * the stock; `program`, the code that finds out; `isolation`, a batch that goes on without the subject that fails, which is not
 * about a place. The CHECK constraint of the table `alerts` names the same kinds.
 */
export const ALERT_KINDS = {
  low_stock: { title: 'No more than the threshold is available', raisedBy: 'stock' },
  out_of_stock: { title: 'Nothing is available', raisedBy: 'stock' },
  overstock: { title: 'More than the threshold is on hand', raisedBy: 'stock' },
  transfer_overdue: { title: 'Transfers have not arrived in time', raisedBy: 'program' },
  ledger_drift: { title: 'The stock differs from its ledger', raisedBy: 'program' },
  work_failed: { title: 'Work on one thing failed by an error of its own data', raisedBy: 'isolation' },
} as const satisfies Record<string, { title: string; raisedBy: 'stock' | 'program' | 'isolation' }>;

export type AlertKind = keyof typeof ALERT_KINDS;

/** Kinds that code raises and resolves through `raiseAlert` and `resolveAlert`. */
export type RaisedAlertKind = {
  [Kind in AlertKind]: (typeof ALERT_KINDS)[Kind]['raisedBy'] extends 'program' ? Kind : never;
}[AlertKind];

/** Work that is done on many subjects and goes on without one that fails. */
export const WORK_KINDS = [
  'expire_reservation',
  'hold_expired_lot',
  'start_order_saga',
  'start_transfer',
  'start_job',
  'start_return',
  'book_shipment',
  'record_booking',
  'deliver_message',
  'apply_carrier_update',
] as const;
export type Work = (typeof WORK_KINDS)[number];

/** Work that failed on one subject. */
export interface FailedWork {
  work: Work;
  /** Id of what the work is about. */
  subject: string;
  /** How often it failed. */
  attempts: number;
  /** It is left out until then. */
  retryAt: Date;
  /** The last error; null where the alert is gone. */
  error: string | null;
}

export const ALERT_STATUSES = ['open', 'acknowledged', 'resolved'] as const;
export type AlertStatus = (typeof ALERT_STATUSES)[number];

export interface AlertView {
  id: string;
  kind: AlertKind;
  status: AlertStatus;
  /** Null for `work_failed`, which is not about a product at a location. */
  sku: string | null;
  location: string | null;
  /** The figures, the transfers or the failure that raised it. */
  details: Readonly<Record<string, unknown>>;
  /** All times RFC 3339. */
  raisedAt: string;
  acknowledgedAt: string | null;
  acknowledgedBy: string | null;
  note: string | null;
  resolvedAt: string | null;
}

/** Units at which a location's stock is low, and above which it is too much; null: there is no such limit. */
export interface Thresholds {
  lowStock: number;
  overstock: number | null;
}

/** A product at a location, and what is the matter there. */
export interface AlertKey extends StockKey {
  kind: RaisedAlertKind;
}

export interface OverdueTransfer extends StockKey {
  /** The location that the units should have reached. */
  warehouseId: number;
  transferId: string;
}
