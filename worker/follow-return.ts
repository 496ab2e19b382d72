import type { Client } from '@temporalio/client';
import { readReturnProgress } from '../domain/returns/end';
import { returnHasEnded } from '../domain/returns/rules';
import type { Database } from '../platform/database';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/names';
import { returnStartOptions } from '../workflows/start';
import { followDocument } from './follow';

/** Rings the workflow of a return, and starts it where it does not run while the return is open. */
export async function followReturn(
  { db, client, names }: { db: Database; client: Client; names: EngineNames },
  returnId: string,
): Promise<void> {
  const goods = await readReturnProgress(db, returnId);
  const start = { type: WORKFLOW_TYPES.customerReturn, options: returnStartOptions({ names, goods }) };
  await followDocument(client, names.returnWorkflowId(returnId), returnHasEnded(goods.status) ? null : start);
}
