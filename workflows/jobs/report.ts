import {
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports';
import type { JobWorkflowInput } from '../contract/messages';
import { endAfter, JOB_RETRY } from './job-failure';
import { pinnedToItsBuild } from './pinned';

const { makeReport, abandonReport, requestDueReports } = proxyActivities<ReportActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: JOB_RETRY,
});

/** Makes the file of a report. Cancelled in the engine it ends as if the job had been cancelled. */
export async function report({ jobId }: JobWorkflowInput): Promise<Readonly<Record<string, unknown>> | null> {
  setCurrentDetails('Making the file.');
  const abandon = (error?: { code: string; detail: string }) =>
    CancellationScope.nonCancellable(async () => {
      await abandonReport({ jobId, error });
      return null;
    });
  try {
    return await makeReport(jobId);
  } catch (error) {
    return endAfter(error, abandon);
  }
}

setWorkflowOptions(pinnedToItsBuild, report);

/** Asks for files of days and months that have ended. Run by a schedule; each file is a job like any other. */
export function scheduledReports(): Promise<{ days: number }> {
  return requestDueReports();
}
