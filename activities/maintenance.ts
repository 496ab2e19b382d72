import { ensureLedgerPartitions } from '../domain/stock/ledger/partitions';
import { foldOldPartitions } from '../domain/stock/retention/retention';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { heartbeating } from './heartbeat';

export interface MaintenanceDeps {
  db: Database;
  partitionsAhead: number;
  /** Full months of the ledger that are kept; 0: all. */
  retentionMonths: number;
  log: Logger;
}

export interface MaintenanceActivities {
  /** Makes the ledger's partitions of the months to come. */
  ensureLedgerPartitions(): Promise<{ made: number }>;
  /** Sums partitions older than the retention into opening balances and drops them; returns their names. */
  foldLedgerPartitions(): Promise<{ folded: string[] }>;
}

export function createMaintenanceActivities(deps: MaintenanceDeps): MaintenanceActivities {
  const { db, log } = deps;
  return {
    async ensureLedgerPartitions() {
      return { made: await ensureLedgerPartitions(db, deps.partitionsAhead) };
    },
    async foldLedgerPartitions() {
      const months = deps.retentionMonths;
      if (months === 0) return { folded: [] };
      const fold = (beat: (details: unknown) => void) => foldOldPartitions(db, months, beat);
      const folded = await heartbeating(fold);
      if (folded.length > 0)
        log.info({ folded, months }, 'old partitions of the ledger are opening balances now');
      return { folded };
    },
  };
}
