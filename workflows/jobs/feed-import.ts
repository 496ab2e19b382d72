import {
  CancellationScope,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { FeedActivities, FeedProgress, FeedSlice } from '../../activities/feeds';
import { endAfter, JOB_RETRY } from './job-failure';
import type { JobWorkflowInput } from '../contract/messages';
import { pinnedToItsBuild } from './pinned';

const { beginFeed } = proxyActivities<Pick<FeedActivities, 'beginFeed'>>({
  summary: 'Look up what all rows are about',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry: JOB_RETRY,
});
const { applyFeed } = proxyActivities<Pick<FeedActivities, 'applyFeed'>>({
  summary: 'Apply rows, batch by batch',
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: JOB_RETRY,
});
const { finishFeed } = proxyActivities<Pick<FeedActivities, 'finishFeed'>>({
  summary: 'Tell the result and forget the staged rows',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry: JOB_RETRY,
});

type Result = Readonly<Record<string, unknown>>;

/**
 * Imports an upload that is staged: stock levels or products. What is done stands in PostgreSQL, with what it changed: a run
 * that begins anew, for whatever reason, carries on from there. Cancelled in the engine it ends as if the job had been
 * cancelled.
 */
export async function feedImport({ jobId }: JobWorkflowInput): Promise<Result | null> {
  const finish = (end: Parameters<typeof finishFeed>[0]['end']) =>
    CancellationScope.nonCancellable(() => finishFeed({ jobId, end }));
  try {
    setCurrentDetails('Looking up what all rows are about.');
    const begun = await beginFeed(jobId);
    if (!begun) return null;
    setCurrentDetails(`Applying ${begun.total} rows.`);
    for (;;) {
      const slice = await applyFeed(jobId);
      if (slice.state === 'done' || slice.state === 'cancelled') {
        setCurrentDetails(describe(slice, 'Telling the result and forgetting the staged rows.'));
        return await finish({ as: slice.state === 'done' ? 'completed' : 'cancelled' });
      }
      setCurrentDetails(describe(slice, wordsOf(slice)));
      if (slice.state === 'paused') await sleep(slice.pauseMs, { summary: 'Let the database recover' });
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof feedImport>({ jobId });
    }
  } catch (error) {
    return endAfter(error, (refusal) =>
      finish(refusal ? { as: 'failed', error: refusal } : { as: 'cancelled' }),
    );
  }
}

setWorkflowOptions(pinnedToItsBuild, feedImport);

function wordsOf(slice: FeedSlice): string {
  return slice.state === 'paused'
    ? `Paused: the database is slow or failing. Trying again after ${slice.pauseMs / 1_000} s.`
    : `Applying rows, up to ${slice.batchRows} in a batch.`;
}

function describe(now: FeedProgress, words: string): string {
  const done = now.applied + now.unchanged + now.rejected;
  return `${words}\n\n${done} of ${now.total} rows: ${now.applied} applied, ${now.unchanged} unchanged, ${now.rejected} rejected.`;
}
