import {
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { SettlementActivities } from '../../activities/settlement';
import type { JobWorkflowInput } from '../contract/messages';
import { endAfter, JOB_RETRY } from './job-failure';
import { pinnedToItsBuild } from './pinned';

const { beginSettlement, abandonSettlement } = proxyActivities<
  Pick<SettlementActivities, 'beginSettlement' | 'abandonSettlement'>
>({ startToCloseTimeout: '1 hour', heartbeatTimeout: '30 seconds', retry: JOB_RETRY });
const { sumSettlementPart } = proxyActivities<Pick<SettlementActivities, 'sumSettlementPart'>>({
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: JOB_RETRY,
});
const { finishSettlement } = proxyActivities<Pick<SettlementActivities, 'finishSettlement'>>({
  summary: 'Write the file and settle its days',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry: JOB_RETRY,
});

type Result = Readonly<Record<string, unknown>>;

/**
 * Makes a settlement file: its parts are summed at once, and how far each is stands in PostgreSQL, so a run that begins anew goes on from
 * there. Where another file has settled some of its money meanwhile it sums anew. Cancelled in the engine it ends as if the job had
 * been cancelled.
 */
export async function settlement({ jobId }: JobWorkflowInput): Promise<Result | null> {
  setCurrentDetails('Starting.');
  const abandon = (error?: { code: string; detail: string }) =>
    CancellationScope.nonCancellable(async () => {
      await abandonSettlement({ jobId, error });
      return null;
    });
  try {
    for (let sums = 1; ; sums++) {
      const parts = await beginSettlement(jobId);
      if (!parts) return null;
      setCurrentDetails(`Summing ${parts.length} parts${sums > 1 ? `, for the ${sums}. time` : ''}.`);
      const summed = await Promise.all(parts.map((part) => sumSettlementPart({ jobId, part })));
      if (summed.some(({ cancelled }) => cancelled)) return await abandon();
      const { again, result } = await finishSettlement(jobId);
      if (!again) return result;
    }
  } catch (error) {
    return endAfter(error, abandon);
  }
}

setWorkflowOptions(pinnedToItsBuild, settlement);
