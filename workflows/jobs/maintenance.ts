import { patched, proxyActivities } from '@temporalio/workflow';
import type { MaintenanceActivities } from '../../activities/maintenance';

const { ensureLedgerPartitions } = proxyActivities<MaintenanceActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  // The schedule comes again soon: runs that keep failing must not accumulate.
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});

const { foldLedgerPartitions } = proxyActivities<MaintenanceActivities>({
  // Each partition is a transaction of its own: what was folded before a failure stays folded.
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '5 seconds', maximumAttempts: 3 },
  summary: 'Sum and drop months of the ledger that are older than the retention',
});

/** Makes the ledger's partitions ahead of time, and folds those that are older than the retention. Run by a schedule. */
export async function ledgerMaintenance(): Promise<{ made: number; folded: string[] }> {
  const { made } = await ensureLedgerPartitions();
  if (!patched('ledger-retention')) return { made, folded: [] };
  const { folded } = await foldLedgerPartitions();
  return { made, folded };
}
