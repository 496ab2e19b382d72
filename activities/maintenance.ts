import { Context } from '@temporalio/activity';
import { areAnalyticsBuilding } from '../domain/analytics/sums';
import { areReportsBuilding } from '../domain/reports/sums';
import { removeOrphanedUploads } from '../domain/uploads/receiving';
import { raiseTampered, resolveTampered } from '../domain/stock/alerts/alerts';
import { ensurePartitions, foldOldPartitions, type FoldOutcome } from '../domain/stock/partitions/partitions';
import type { Database } from '../platform/database/database';
import { isAppError, messageOf } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { heartbeating } from './heartbeat';
import { forgetting } from './upload-kinds';

/** No further month is begun after that: one may take half an hour, and the activity has two. */
const FOLD_MS = 3_600_000;

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
  /**
   * Sums partitions older than the retention into opening balances and drops them; returns their names, and why one that is due stays. One
   * that is not as it was sealed stays and raises the alert `ledger_tampered`, which a later run ends that drops it.
   */
  foldLedgerPartitions(): Promise<FoldOutcome>;
  /** Removes what uploads left that broke off with their process. */
  removeOrphanedUploads(): Promise<{ uploads: number }>;
}

export function createMaintenanceActivities(deps: MaintenanceDeps): MaintenanceActivities {
  const { db, log } = deps;
  return {
    async ensureLedgerPartitions() {
      return { made: await ensurePartitions(db, deps.partitionsAhead) };
    },
    async foldLedgerPartitions() {
      const months = deps.retentionMonths;
      if (months === 0) return { folded: [], left: null };
      // They would never have what is dropped before it is in their sums.
      if ((await areReportsBuilding(db)) || (await areAnalyticsBuilding(db))) {
        log.warn({ months }, 'the ledger keeps all months until reports and analytics have their sums');
        return { folded: [], left: 'busy' };
      }
      const { cancellationSignal: signal } = Context.current();
      const folded: string[] = [];
      let left: FoldOutcome['left'] = null;
      try {
        ({ left } = await heartbeating((beat) =>
          foldOldPartitions(db, {
            months,
            withinMs: FOLD_MS,
            signal,
            told: (partition) => {
              folded.push(partition);
              beat(partition);
            },
          }),
        ));
        // The oldest goes first: whatever was refused before is gone. A run that drops nothing has looked at nothing.
        if (folded.length > 0) await db.retrying((tx) => resolveTampered(tx, 'ledger_fold'));
      } catch (error) {
        // Trying again does not help: a person has to look, and the next night finds it again.
        if (!isAppError(error, 'LEDGER_MONTH_CHANGED')) throw error;
        log.error({ err: error, months }, 'a month of the ledger is not as it was sealed, and stays');
        await db.retrying((tx) =>
          raiseTampered(tx, 'ledger_fold', { findings: 1, first: [messageOf(error)] }),
        );
      }
      if (folded.length > 0)
        log.info({ folded, months }, 'old partitions of the ledger are opening balances now');
      if (left !== null)
        log.warn({ left, months }, 'a month of the ledger that is due stays until the next run');
      return { folded, left };
    },
    async removeOrphanedUploads() {
      const uploads = await heartbeating((beat) =>
        removeOrphanedUploads(db, forgetting, () => beat(undefined)),
      );
      if (uploads > 0) log.info({ uploads }, 'uploads that had broken off were removed');
      return { uploads };
    },
  };
}
