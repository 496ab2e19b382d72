import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { SettlementActivities } from '../../activities/settlement';
import type { JobWorkflowInput } from '../contract/messages';
import { refusalIn } from './job-failure';
import { pinnedToItsBuild } from './pinned';

const retry = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '15 seconds',
} as const;

const { beginSettlement, abandonSettlement } = proxyActivities<
  Pick<SettlementActivities, 'beginSettlement' | 'abandonSettlement'>
>({ startToCloseTimeout: '10 minutes', retry });
const { sumSettlementPart } = proxyActivities<Pick<SettlementActivities, 'sumSettlementPart'>>({
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry,
});
const { finishSettlement } = proxyActivities<Pick<SettlementActivities, 'finishSettlement'>>({
  summary: 'Write the file and settle its days',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry,
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
    CancellationScope.nonCancellable(() => abandonSettlement({ jobId, error }));
  try {
    for (let sums = 1; ; sums++) {
      const parts = await beginSettlement(jobId);
      if (!parts) return null;
      setCurrentDetails(`Summing ${parts.length} parts${sums > 1 ? `, for the ${sums}. time` : ''}.`);
      const summed = await Promise.all(parts.map((part) => sumSettlementPart({ jobId, part })));
      if (summed.some(({ cancelled }) => cancelled)) {
        await abandon();
        return null;
      }
      const { again, result } = await finishSettlement(jobId);
      if (!again) return result;
    }
  } catch (error) {
    if (isCancellation(error)) {
      await abandon();
      return null;
    }
    const refusal = refusalIn(error);
    if (refusal) await abandon(refusal);
    throw error;
  }
}

setWorkflowOptions(pinnedToItsBuild, settlement);
