import { proxyActivities } from '@temporalio/workflow';
import type { ReconcileActivities, ReconcileInput, ReconcileResult } from '../../activities/reconcile';

const { reconcileWorkflows } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  // The schedule comes again soon: runs that keep failing must not accumulate.
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});

/** Finds rows that are open and whose workflow is gone, and starts it again. Run by a schedule, one for each subject. */
export function reconcile({ subject }: ReconcileInput): Promise<ReconcileResult> {
  return reconcileWorkflows.executeWithOptions({ summary: subject }, [subject]);
}
