import { proxyActivities } from '@temporalio/workflow';
import type { MaintenanceActivities, SweepResult } from '../activities/maintenance';

const { sweepOrders, ensureLedgerPartitions } = proxyActivities<MaintenanceActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  // The schedule comes again soon: a run that keeps failing must not pile up behind itself.
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});

/** Finds open orders whose saga is gone and starts it again. Run by a schedule. */
export function orderSweep(): Promise<SweepResult> {
  return sweepOrders();
}

/** Makes the ledger's partitions ahead of time. Run by a schedule. */
export function ledgerMaintenance(): Promise<{ made: number }> {
  return ensureLedgerPartitions();
}
