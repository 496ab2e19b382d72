import type { StockKey } from '../ledger/types';

/**
 * Who has to know of an alert: `critical` pages whoever is on call, `warning` is for the operators' working hours, `info` for those who
 * keep the shop stocked. The rules of `deploy/prometheus/rules.yml` have the same.
 */
export const ALERT_SEVERITIES = ['critical', 'warning', 'info'] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

interface AlertKindInfo {
  title: string;
  raisedBy: 'stock' | 'program' | 'isolation' | 'order' | 'seals' | 'reservation';
  /** `of_reason`: its reason has one, as `ATTENTION` of the orders says. */
  severity: AlertSeverity | 'of_reason';
}

/**
 * Every kind of alert, with what it says and what raises and resolves it: `stock`, a trigger, in the transaction that changes
 * the stock; `program`, the code that finds out; `isolation`, a batch that goes on without the subject that fails; `order`, an
 * order that cannot go on by itself; `seals`, the verification of the ledger; `reservation`, one that has stopped. The last four are
 * not about a place. The CHECK constraint of the table `alerts` names the same kinds.
 */
export const ALERT_KINDS = {
  low_stock: { title: 'No more than the threshold is available', raisedBy: 'stock', severity: 'info' },
  out_of_stock: { title: 'Nothing is available', raisedBy: 'stock', severity: 'info' },
  overstock: { title: 'More than the threshold is on hand', raisedBy: 'stock', severity: 'info' },
  transfer_overdue: { title: 'Transfers have not arrived in time', raisedBy: 'program', severity: 'warning' },
  ledger_drift: { title: 'The stock differs from its ledger', raisedBy: 'program', severity: 'critical' },
  work_failed: {
    title: 'Work on one thing failed by an error of its own data',
    raisedBy: 'isolation',
    severity: 'warning',
  },
  expiry_near: { title: 'Lots on sale expire soon', raisedBy: 'program', severity: 'info' },
  recall: { title: 'Units that were promised are blocked', raisedBy: 'program', severity: 'warning' },
  count_short: {
    title: 'A count did not find units that were promised',
    raisedBy: 'program',
    severity: 'warning',
  },
  attention: { title: 'An order needs a person', raisedBy: 'order', severity: 'of_reason' },
  ledger_tampered: {
    title: 'The ledger or the audit log is not as it was sealed',
    raisedBy: 'seals',
    severity: 'critical',
  },
  reservation_stopped: {
    title: 'A confirmed reservation without an order neither ships nor is released',
    raisedBy: 'reservation',
    severity: 'warning',
  },
} as const satisfies Record<string, AlertKindInfo>;

export type AlertKind = keyof typeof ALERT_KINDS;

/** Kinds that code raises and resolves through `raiseAlerts` and `resolveAlerts`. */
export type RaisedAlertKind = {
  [Kind in AlertKind]: (typeof ALERT_KINDS)[Kind]['raisedBy'] extends 'program' ? Kind : never;
}[AlertKind];

/**
 * Work that is done on many subjects and goes on without one that fails: what to look at then, and when it is done again
 * once it may be tried again.
 */
export const WORK = {
  expire_reservation: {
    advice:
      'This reservation is past due and its units stay reserved. Look at the reservation, its lines and the backorders of its product; run holdfast verify.',
    nextAttempt:
      'within seconds; one of an order by its saga, or by the next request that is short of its stock',
  },
  hold_expired_lot: {
    advice:
      'Units of this lot are recalled or past their last day of sale, and may still be sold. Look at the lot and its stock.',
    nextAttempt: 'within ten minutes, by the schedule stock-upkeep',
  },
  release_hold: {
    advice:
      'The lot of this quality hold has not expired, or is not recalled, any more, and its units could not be given back to sale: they stay on hold. Look at the hold, its lot and its stock.',
    nextAttempt: 'within ten minutes, by the schedule stock-upkeep',
  },
  settle_promise: {
    advice:
      'Units that this reservation has at this warehouse (its id, the warehouse, the SKU) are blocked or were not found, and could not be taken from it. It keeps them, and nobody else gives up units in its stead. Look at the reservation, its order and its shipment there; once it is cancelled or released its units go to the hold.',
    nextAttempt: 'within ten minutes, by the schedule stock-upkeep',
  },
  re_source_reservation: {
    advice:
      'This reservation (its id, the warehouse, the SKU) could not be moved out of its closed warehouse: it stays there and ships. Look at the reservation, its order and its shipment there; then call POST /warehouses/{code}/re-source again.',
    nextAttempt: 'by the next POST /warehouses/{code}/re-source',
  },
  start_order_saga: {
    advice:
      'This order has something left to do and no workflow runs for it. Look at the order and the log of the worker.',
    nextAttempt: 'by the schedule reconcile-orders',
  },
  start_transfer: {
    advice: 'No workflow watches this transfer. Look at the transfer and the log of the worker.',
    nextAttempt: 'by the schedule reconcile-transfers',
  },
  start_job: {
    advice: 'This job has not ended and no workflow runs for it. Look at the job and the log of the worker.',
    nextAttempt: 'by the schedule reconcile-jobs',
  },
  start_return: {
    advice:
      'This return waits for its goods and no workflow runs for it. Look at the return and the log of the worker.',
    nextAttempt: 'by the schedule reconcile-returns',
  },
  start_standing: {
    advice:
      'This workflow runs as long as the installation does; it could not be looked at or started. Look at the log of the worker.',
    nextAttempt: 'by the schedule reconcile-standing',
  },
  run_workflow: {
    advice:
      'The task of this workflow fails again and again. Look at the build that runs it; go back to the one before or mend it. The safe way out is to terminate the workflow: its rows decide, and it is started anew.',
    nextAttempt:
      'by Temporal, all the time; whether it goes on is looked at by the schedule reconcile-standing',
  },
  take_workflow_task: {
    advice:
      'No worker takes the task of this workflow, and perhaps of others. Start a worker of its task queue, or give the build that it is pinned to back its worker; where workers run, they have more to do than they can.',
    nextAttempt:
      'by Temporal, all the time; whether it goes on is looked at by the schedule reconcile-standing',
  },
  book_shipment: {
    advice:
      'The carrier fails for this shipment: it neither books nor refuses it. Look at the shipment, its address and the log of the worker.',
    nextAttempt: 'within half a minute',
  },
  book_later: {
    advice:
      'The carrier puts this shipment off again and again. Look at its reason in the error, and ask the carrier.',
    nextAttempt: 'within half a minute',
  },
  book_with_carrier: {
    advice:
      'Shipments wait for this carrier, and it books none of them: it is away, refuses our credentials, fails for the only ones that wait, or is not set up any more. Look at the error and the log of the worker; nothing has to be retried by hand once it is back.',
    nextAttempt:
      'within seconds, whether or not it is asked for; one that is not set up, after a restart with its settings',
  },
  record_booking: {
    advice:
      'The carrier was asked to book this shipment, and its response could not be written. Look at the shipment and its order.',
    nextAttempt: 'within half a minute',
  },
  deliver_message: {
    advice:
      'This message of the outbox cannot be delivered. Look at what it names and the log of the worker.',
    nextAttempt: 'within a minute, whether or not it is asked for',
  },
  deliver_webhook: {
    advice:
      'Either this webhook is disabled, since its receiver answered 410 or took nothing for three days: look at GET /webhooks/{id}/deliveries, put the receiver right, and enable the webhook with PUT /webhooks/{id}; what it has missed is then delivered as long as events are kept. Or its secret cannot be decrypted: set the key that the error names in PAYLOAD_KEYS of the workers, or give the webhook a new secret with POST /webhooks/{id}/rotate-secret and overlapSeconds 0.',
    nextAttempt: 'once it is enabled; within an hour where its secret cannot be decrypted',
  },
  apply_carrier_update: {
    advice:
      'An update of the carrier about this shipment cannot be applied, and the carrier is told to send it again. Look at the shipment, its order and its stock.',
    nextAttempt: 'when the carrier sends the update again',
  },
} as const satisfies Record<string, { advice: string; nextAttempt: string }>;

export type Work = keyof typeof WORK;

export const WORK_KINDS = Object.keys(WORK) as Work[];

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
  /** Null for `work_failed`, `attention`, `ledger_tampered` and `reservation_stopped`, which are not about a product at a location. */
  sku: string | null;
  location: string | null;
  /** The order that an `attention` is about; else null. */
  orderId: string | null;
  /** The figures, the transfers or the failure that raised it. */
  details: Readonly<Record<string, unknown>>;
  /** All times RFC 3339. */
  raisedAt: string;
  acknowledgedAt: string | null;
  acknowledgedBy: string | null;
  note: string | null;
  resolvedAt: string | null;
  /** Who ended it by hand, and what was done; null: it ended by itself, or has not ended. */
  resolvedBy: string | null;
  resolution: string | null;
}

/** Units at which a location's stock is low, and above which it is too much; null: there is no such limit. */
export interface Thresholds {
  lowStock: number;
  overstock: number | null;
  /** Units beyond a threshold at which its alert clears; null: a tenth of the threshold, rounded up. */
  clearMargin: number | null;
}

/** What became of promised units that are blocked or missing, or whose warehouse is closed. */
export const PROMISE_OUTCOMES = ['moved', 'cut', 'parcel_stopped'] as const;
export type PromiseOutcome = (typeof PROMISE_OUTCOMES)[number];

/** Somebody to whom blocked units were promised: an order, or a reservation without one. */
export interface AffectedPromise {
  orderId?: string;
  reservationId?: string;
  shipmentId?: string;
  outcome: PromiseOutcome;
  units?: number;
}

export interface AffectedView {
  orderId: string | null;
  reservationId: string | null;
  shipmentId: string | null;
  outcome: PromiseOutcome;
  /** Null: of a parcel that was stopped. */
  units: number | null;
  /** RFC 3339. */
  at: string;
}

export interface OverdueTransfer extends StockKey {
  /** The location that the units should have reached. */
  warehouseId: number;
  transferId: string;
}
