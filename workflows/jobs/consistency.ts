import {
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { ConsistencyActivities } from '../../activities/consistency';
import { endAfter, JOB_RETRY } from './job-failure';
import type { JobWorkflowInput } from '../contract/messages';
import { pinnedToItsBuild } from './pinned';

const { beginConsistency, requestConsistencyCheck } = proxyActivities<
  Pick<ConsistencyActivities, 'beginConsistency' | 'requestConsistencyCheck'>
>({ startToCloseTimeout: '1 minute', retry: JOB_RETRY });
const { runConsistencyCheck } = proxyActivities<Pick<ConsistencyActivities, 'runConsistencyCheck'>>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: JOB_RETRY,
});
const { finishConsistency } = proxyActivities<Pick<ConsistencyActivities, 'finishConsistency'>>({
  summary: 'Tell the result, raise and resolve alerts',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry: JOB_RETRY,
});

type Result = Readonly<Record<string, unknown>>;

/**
 * Runs the checks of a job, one activity each. What they find stands in PostgreSQL: a run that begins anew does not repeat
 * them. Cancelled in the engine it ends as if the job had been cancelled; a check that the data refuses ends it as failed.
 */
export async function consistencyCheck({ jobId }: JobWorkflowInput): Promise<Result | null> {
  setCurrentDetails('Starting.');
  // Without what it was asked for it could not be ended as cancelled.
  const plan = await CancellationScope.nonCancellable(() => beginConsistency(jobId));
  if (!plan) return null;
  const { mode, checks } = plan;
  const finish = (cancelled: boolean, error?: { code: string; detail: string }) =>
    CancellationScope.nonCancellable(() => finishConsistency({ jobId, mode, cancelled, error }));
  let found = 0;
  try {
    for (const [done, check] of checks.entries()) {
      setCurrentDetails(
        `Check ${done + 1} of ${checks.length}, ${mode}: \`${check}\`.\n\n${found} findings so far.`,
      );
      const { findings, cancelled } = await runConsistencyCheck.executeWithOptions({ summary: check }, [
        { jobId, check, mode, done },
      ]);
      found += findings;
      if (cancelled) return await finish(true);
    }
    setCurrentDetails(`${found} findings. Telling the result.`);
    return await finish(false);
  } catch (error) {
    return endAfter(error, (refusal) => finish(refusal === undefined, refusal));
  }
}

setWorkflowOptions(pinnedToItsBuild, consistencyCheck);

/** Asks for an incremental check of everything. Run by a schedule; the check itself is a job like any other. */
export function scheduledConsistency(): Promise<{ jobId: string }> {
  return requestConsistencyCheck();
}
