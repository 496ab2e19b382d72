import type { WorkflowStartOptions } from '@temporalio/client';
import type { Database } from '../../platform/database/database';
import type { EngineClient } from '../../platform/temporal/engine-client';
import { wakeSignal } from '../../workflows/contract/messages';
import type { EngineNames } from '../../workflows/contract/names';

/** What the workflow of a row is found, signalled and started with. */
export interface EnsureContext {
  db: Database;
  engine: EngineClient;
  names: EngineNames;
}

/**
 * Wakes the workflow of a document, and starts it where it does not run while the document is open. Safe to repeat: such a
 * workflow reads its document again.
 *
 * @param start how it is started; null: the document has ended, and so may its workflow have
 */
export async function ensureDocumentWorkflow(
  engine: EngineClient,
  workflowId: string,
  start: { type: string; options: WorkflowStartOptions } | null,
): Promise<void> {
  if (start) await engine.signalWithStart(start.type, wakeSignal, start.options);
  else await engine.signal(workflowId, wakeSignal);
}
