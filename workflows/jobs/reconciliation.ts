import {
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { ReconciliationActivities } from '../../activities/reconciliation';
import type { JobWorkflowInput } from '../contract/messages';
import { endAfter, JOB_RETRY } from './job-failure';
import { pinnedToItsBuild } from './pinned';

const { collectEntries, compareEntries, forgetCompared, abandonReconciliation } =
  proxyActivities<ReconciliationActivities>({
    startToCloseTimeout: '2 hours',
    heartbeatTimeout: '30 seconds',
    retry: JOB_RETRY,
  });

type Result = Readonly<Record<string, unknown>>;

/**
 * Compares the money ledger with a file that was uploaded. Each step is one transaction, and what it did stands in PostgreSQL: a run that
 * begins anew goes on from there, and comes to the same. It is cancelled between its steps; in the engine, as if the job had been cancelled.
 */
export async function reconciliation({ jobId }: JobWorkflowInput): Promise<Result | null> {
  setCurrentDetails('Collecting what the ledger has.');
  const end = (error?: { code: string; detail: string }) =>
    CancellationScope.nonCancellable(async () => {
      await abandonReconciliation({ jobId, error });
      await forgetCompared(jobId);
      return null;
    });
  try {
    if (!(await collectEntries(jobId))) return await end();
    setCurrentDetails('Comparing.');
    const result = await compareEntries(jobId);
    await forgetCompared(jobId);
    return result;
  } catch (error) {
    return endAfter(error, end);
  }
}

setWorkflowOptions(pinnedToItsBuild, reconciliation);
