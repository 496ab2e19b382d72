import type { Database } from '../../../platform/database/database';
import { selectAlertCounts } from '../alerts/alerts';
import {
  extendStatementTimeout,
  selectReservationTotals,
  selectLedgerCheck,
  selectStockTotals,
} from './queries';
import type { InventoryMetrics } from './types';

export interface MetricsReader {
  /** Returns at once the last figures, however old, and counts anew when they are no longer fresh; the first caller waits. */
  read(): Promise<InventoryMetrics>;
}

export interface MetricsReaderOptions {
  db: Database;
  /** Checks whose findings are ledger drift. */
  driftChecks: readonly string[];
  /** Least age at which figures are counted anew, milliseconds. */
  freshMs?: number;
}

const FRESH_MS = 10_000;
/** A count that took a second is not repeated for twenty: the counting costs at most a twentieth of the time. */
const REST_FACTOR = 20;

/**
 * Totals over the whole of stock. They are summed, not maintained: a row of totals would be the one row that every sale waits
 * for, and an index that holds the counters would make every sale write it. One count runs at a time for all callers.
 */
export function createMetricsReader(options: MetricsReaderOptions): MetricsReader {
  const { freshMs = FRESH_MS } = options;
  let last: { metrics: InventoryMetrics; until: number } | undefined;
  let running: Promise<InventoryMetrics> | undefined;

  function count(): Promise<InventoryMetrics> {
    running ??= countNow(options).finally(() => (running = undefined));
    return running;
  }

  async function countNow({ db, driftChecks }: MetricsReaderOptions): Promise<InventoryMetrics> {
    const begun = Date.now();
    const metrics = await countAll(db, driftChecks);
    last = { metrics, until: Date.now() + Math.max(freshMs, REST_FACTOR * (Date.now() - begun)) };
    return metrics;
  }

  return {
    async read() {
      if (!last) return count();
      // A failure leaves the old figures and their time, and is tried again by the next caller.
      if (last.until < Date.now()) count().catch(() => undefined);
      return last.metrics;
    },
  };
}

async function countAll(db: Database, driftChecks: readonly string[]): Promise<InventoryMetrics> {
  const [stock, reservations, counts, drift] = await Promise.all([
    db.transaction(async (tx) => {
      await extendStatementTimeout(tx);
      return selectStockTotals(tx);
    }),
    selectReservationTotals(db),
    selectAlertCounts(db),
    selectLedgerCheck(db, driftChecks),
  ]);
  const unresolved = (kind: string) => {
    const found = counts.find((row) => row.kind === kind);
    return found ? found.open + found.acknowledged : 0;
  };
  const total = (which: 'open' | 'acknowledged') => counts.reduce((sum, row) => sum + row[which], 0);
  const { asOf, products, locations, places, onHand, reserved, available } = stock;
  return {
    asOf,
    products,
    locations,
    places,
    units: { onHand, reserved, available, inTransit: reservations.inTransit, short: reservations.short },
    holds: { open: reservations.open, units: reservations.units },
    // An alert on stock is open exactly while its condition holds, so these need not be counted in the table itself.
    stock: {
      low: unresolved('low_stock'),
      out: unresolved('out_of_stock'),
      overstock: unresolved('overstock'),
    },
    alerts: { open: total('open'), acknowledged: total('acknowledged') },
    ledgerDrift: drift ? { checkedAt: drift.at.toISOString(), findings: drift.findings } : null,
  };
}
