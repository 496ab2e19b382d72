import type { WorkflowHandle } from '@temporalio/client';
import type { Stack } from './stack';
import { waitFor } from './wait';

/** Triggers a schedule of a stack, and returns the workflow that it starts. */
export async function triggerSchedule({ temporal, names }: Stack, name: string): Promise<WorkflowHandle> {
  const { schedule, workflow } = temporal.client;
  const handle = schedule.getHandle(names.scheduleId(name));
  const { numActionsTaken } = (await handle.describe()).info;
  await handle.trigger();
  const { action } = await waitFor(async () => {
    const { info } = await handle.describe();
    return info.numActionsTaken > numActionsTaken ? info.recentActions.at(-1) : undefined;
  });
  return workflow.getHandle(action.workflow.workflowId, action.workflow.firstExecutionRunId);
}
