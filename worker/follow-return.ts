import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { readReturnProgress } from '../domain/returns/end';
import { returnHasEnded } from '../domain/returns/rules';
import type { Database } from '../platform/database';
import { wakeSignal } from '../workflows/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/names';
import { returnStartOptions } from '../workflows/start';

const CALL_DEADLINE_MS = 5_000;

/**
 * Rings the workflow of a return, and starts it where it does not run while the return is open. Safe to repeat: the workflow
 * reads the return again.
 */
export async function followReturn(
  { db, client, names }: { db: Database; client: Client; names: EngineNames },
  returnId: string,
): Promise<void> {
  const goods = await readReturnProgress(db, returnId);
  const ring = () =>
    returnHasEnded(goods.status)
      ? client.workflow.getHandle(names.returnWorkflowId(returnId)).signal(wakeSignal)
      : client.workflow.signalWithStart(WORKFLOW_TYPES.customerReturn, {
          ...returnStartOptions({ names, goods }),
          signal: wakeSignal,
          signalArgs: [],
        });
  try {
    await client.withDeadline<unknown>(Date.now() + CALL_DEADLINE_MS, ring);
  } catch (error) {
    // It has ended, as its return has.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
