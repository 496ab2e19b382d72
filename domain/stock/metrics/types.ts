/** Everything counted at `asOf`, which is seconds to a minute ago on a large table. */
export interface InventoryMetrics {
  /** RFC 3339. */
  asOf: string;
  products: number;
  locations: number;
  /** Pairs of product and location that have a stock row. */
  places: number;
  units: {
    onHand: number;
    reserved: number;
    available: number;
    inTransit: number;
    /** Of `onHand`: they have left with parcels that were stopped, and nothing was available in their place yet. */
    short: number;
  };
  /** Reservations that are neither confirmed nor over, and the units they keep. */
  holds: { open: number; units: number };
  stock: { low: number; out: number; overstock: number };
  alerts: { open: number; acknowledged: number };
  /** What the latest checks of the counters against the ledger found; null: there was none yet. */
  ledgerDrift: { checkedAt: string; findings: number } | null;
}

export type HealthCode =
  | 'OUTBOX_BEHIND'
  | 'HOLDS_OVERDUE'
  | 'PARTITIONS_MISSING'
  | 'LEDGER_DRIFT'
  | 'LEDGER_TAMPERED'
  | 'SEALS_BEHIND'
  | 'WORK_FAILED'
  | 'ATTENTION_NEEDED';

export interface InventoryHealth {
  status: 'ok' | 'degraded';
  reasons: { code: HealthCode; message: string }[];
  /** Age of the oldest message that was not delivered, seconds, without those whose delivery fails. */
  outboxSeconds: number;
  /** Reservations past due that were not released, without those that could not be and are tried again later. */
  overdueHolds: number;
  /** Months to come that the ledger has a partition for. */
  partitionsAhead: number;
  /** Places whose counters were found to disagree with the ledger, and not repaired since. */
  driftAlerts: number;
  tamperAlerts: number;
  /** Age of the oldest row of a ledger or the audit log that no seal covers. */
  unsealedSeconds: number;
  /** Subjects on which work failed by an error of their own and is tried again later. */
  failedWork: number;
  /** Alerts that an order needs a person. */
  attention: number;
}
