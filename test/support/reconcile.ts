import type { WorkflowHandle } from '@temporalio/client';
import type { ReconcileResult, ReconcileSubject } from '../../activities/reconcile';
import { newId } from '../../platform/ids';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import type { Stack } from './stack';

/** Runs the reconciler of one subject as its schedule does. */
export async function reconcile(
  { temporal, names }: Stack,
  subject: ReconcileSubject,
): Promise<{ result: ReconcileResult; handle: WorkflowHandle }> {
  const handle = await temporal.client.workflow.start(WORKFLOW_TYPES.reconcile, {
    workflowId: `${names.scheduleId(`reconcile-${subject}`)}-${newId()}`,
    taskQueue: names.jobsQueue,
    args: [{ subject }],
  });
  return { result: (await handle.result()) as ReconcileResult, handle };
}

/** What the reconciler says of suspects. */
export function reconciled(counts: Partial<ReconcileResult>): ReconcileResult {
  return { looked: 0, restarted: 0, ended: 0, stuck: 0, failed: 0, ...counts };
}
