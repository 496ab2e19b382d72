import type { Client } from '@temporalio/client';
import { readReturnProgress } from '../domain/warehousing/returns/end';
import { returnHasEnded } from '../domain/warehousing/returns/rules';
import type { Database } from '../platform/database/database';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';
import { returnStartOptions } from '../workflows/contract/start';
import { ensureDocumentWorkflow } from './ensure-document-workflow';

/** Rings the workflow of a return, and starts it where it does not run while the return is open. */
export async function ensureReturnWorkflow(
  { db, client, names }: { db: Database; client: Client; names: EngineNames },
  returnId: string,
): Promise<void> {
  const goods = await readReturnProgress(db, returnId);
  const start = { type: WORKFLOW_TYPES.customerReturn, options: returnStartOptions({ names, goods }) };
  await ensureDocumentWorkflow(
    client,
    names.returnWorkflowId(returnId),
    returnHasEnded(goods.status) ? null : start,
  );
}
