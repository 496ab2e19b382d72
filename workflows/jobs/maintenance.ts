import { patched, proxyActivities } from '@temporalio/workflow';
import type { ConsistencyActivities } from '../../activities/consistency';
import type { MaintenanceActivities } from '../../activities/maintenance';
import type { RetentionActivities } from '../../activities/retention';
import type { WarehousingActivities } from '../../activities/warehousing';
import type { SealResult } from '../../domain/assurance/seals/seal';

/** The schedule comes again soon: runs that keep failing must not accumulate. */
const retry = { initialInterval: '1 second', maximumAttempts: 3 } as const;

const { ensureLedgerPartitions } = proxyActivities<MaintenanceActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry,
});

const { sealLedgerRows } = proxyActivities<Pick<ConsistencyActivities, 'sealLedgerRows'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry,
});

const { forgetSettledWork } = proxyActivities<WarehousingActivities>({
  startToCloseTimeout: '5 minutes',
  retry,
});

const { holdExpiredLots } = proxyActivities<WarehousingActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '1 minute',
  retry,
});

const { removeOrphanedUploads } = proxyActivities<MaintenanceActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry,
});

const { removeAgedRows } = proxyActivities<RetentionActivities>({
  // Each kind has its own time; what was removed before a failure stays removed.
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry,
  summary: 'Remove rows that are older than they are kept',
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

/** Seals the ledger up to now. Run by a schedule. */
export function ledgerSeal(): Promise<SealResult> {
  return sealLedgerRows();
}

/** Takes expired lots out of sale, resolves alerts of work that is settled, removes broken uploads and old rows. Run by a schedule. */
export async function stockUpkeep(): Promise<{ units: number }> {
  const held = await holdExpiredLots();
  await forgetSettledWork();
  if (patched('feed-uploads')) await removeOrphanedUploads();
  // Last: it may take minutes.
  if (patched('retention')) await removeAgedRows();
  return held;
}
