import type { StockKey } from '../ledger/types';

/**
 * `low_stock`, `out_of_stock` and `overstock` follow the stock by themselves (a trigger raises and resolves them in the
 * transaction that changes it); `transfer_overdue` and `ledger_drift` are raised and resolved by who finds out.
 * `work_failed` is about work on one subject that failed by an error of its own, and not about a place.
 */
export const ALERT_KINDS = [
  'low_stock',
  'out_of_stock',
  'overstock',
  'transfer_overdue',
  'ledger_drift',
  'work_failed',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];
export type PlaceAlertKind = Exclude<AlertKind, 'work_failed'>;

/** Work that is done on many subjects and goes on without one that fails. */
export type Work =
  | 'expire_hold'
  | 'hold_expired_lot'
  | 'start_order_saga'
  | 'start_transfer'
  | 'start_job'
  | 'record_booking'
  | 'deliver_message';

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
  kind: PlaceAlertKind;
}

export interface OverdueTransfer extends StockKey {
  /** The location that the units should have reached. */
  warehouseId: number;
  transferId: string;
}
