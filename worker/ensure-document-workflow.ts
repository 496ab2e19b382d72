import { WorkflowNotFoundError, type Client, type WorkflowStartOptions } from '@temporalio/client';
import { wakeSignal } from '../workflows/contract/messages';

const CALL_DEADLINE_MS = 5_000;

/**
 * Rings the workflow of a document, and starts it where it does not run while the document is open. Safe to repeat: such a
 * workflow reads its document again.
 *
 * @param start how it is started; null: the document has ended, and so may its workflow have
 */
export async function ensureDocumentWorkflow(
  client: Client,
  workflowId: string,
  start: { type: string; options: WorkflowStartOptions } | null,
): Promise<void> {
  const ring = () =>
    start
      ? client.workflow.signalWithStart(start.type, { ...start.options, signal: wakeSignal, signalArgs: [] })
      : client.workflow.getHandle(workflowId).signal(wakeSignal);
  try {
    await client.withDeadline<unknown>(Date.now() + CALL_DEADLINE_MS, ring);
  } catch (error) {
    // It has ended, as its document has.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
