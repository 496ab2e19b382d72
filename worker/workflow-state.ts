import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { WorkflowState } from '../activities/jobs';

const CALL_DEADLINE_MS = 10_000;

/** What became of a workflow, by the engine's own record: its list lags. */
export async function workflowState(client: Client, workflowId: string): Promise<WorkflowState> {
  try {
    const { status } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.getHandle(workflowId).describe(),
    );
    switch (status.name) {
      case 'RUNNING':
      case 'PAUSED':
        return 'running';
      case 'COMPLETED':
        return 'completed';
      case 'FAILED':
        return 'failed';
      default:
        return 'gone';
    }
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'gone';
    throw error;
  }
}
