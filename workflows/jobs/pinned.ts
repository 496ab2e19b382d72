import type { WorkflowDefinitionOptions } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

/**
 * A job ends on the build that it was started on. Only said by a versioned worker: Temporal refuses every task of a workflow that
 * has a behaviour on a worker without versioning.
 */
export function pinnedToItsBuild(): WorkflowDefinitionOptions {
  const isVersioned = Boolean(workflowInfo().currentDeploymentVersion?.deploymentName);
  return isVersioned ? { versioningBehavior: 'PINNED' } : {};
}
