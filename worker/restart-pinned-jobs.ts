import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { boundedCall, DEADLINES_MS } from '../platform/temporal/bounded-call';
import type { BuildId } from '../platform/temporal/deployments';

/**
 * Ends the workflows of jobs that are pinned to a build other than the one that runs, which nobody works on any more. The reconciler
 * starts each again from its rows, on the current build.
 *
 * @returns how many were ended
 */
export async function restartPinnedJobs(
  client: Client,
  deployment: string,
  buildId: BuildId,
): Promise<number> {
  const query = [
    `TemporalWorkerDeployment = '${deployment}'`,
    "TemporalWorkflowVersioningBehavior = 'Pinned'",
    "ExecutionStatus = 'Running'",
    ...(buildId === null ? [] : [`TemporalWorkerDeploymentVersion != '${deployment}:${buildId}'`]),
  ].join(' AND ');
  let ended = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const handle = client.workflow.getHandle(workflowId, runId);
    try {
      await boundedCall(client, DEADLINES_MS.call, () =>
        handle.terminate('its build has no worker any more'),
      );
      ended += 1;
    } catch (error) {
      // It has ended since it was listed.
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  return ended;
}
