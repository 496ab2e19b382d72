import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports';
import type { JobWorkflowInput } from '../contract/messages';
import { refusalIn } from './job-failure';
import { pinnedToItsBuild } from './pinned';

const retry = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '15 seconds',
} as const;

const { makeReport, abandonReport, requestDueReports } = proxyActivities<ReportActivities>({
  startToCloseTimeout: '10 minutes',
  retry,
});

/** Makes the file of a report. Cancelled in the engine it ends as if the job had been cancelled. */
export async function report({ jobId }: JobWorkflowInput): Promise<Readonly<Record<string, unknown>> | null> {
  setCurrentDetails('Making the file.');
  const abandon = (error?: { code: string; detail: string }) =>
    CancellationScope.nonCancellable(() => abandonReport({ jobId, error }));
  try {
    return await makeReport(jobId);
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

setWorkflowOptions(pinnedToItsBuild, report);

/** Asks for files of days and months that have ended. Run by a schedule; each file is a job like any other. */
export function scheduledReports(): Promise<{ days: number }> {
  return requestDueReports();
}
