import { readReturnProgress } from '../../domain/warehousing/returns/end';
import { returnHasEnded } from '../../domain/warehousing/returns/rules';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { returnStartOptions } from '../../workflows/contract/start';
import { ensureDocumentWorkflow, type EnsureContext } from './ensure-document-workflow';

/**
 * Wakes the workflow of a return, and starts it where it does not run while the return is open.
 *
 * @returns false when the return has ended
 * @throws AppError `NOT_FOUND`
 */
export async function ensureReturnWorkflow(
  { db, engine, names }: EnsureContext,
  returnId: string,
): Promise<boolean> {
  const goods = await readReturnProgress(db, returnId);
  const isOpen = !returnHasEnded(goods.status);
  const start = { type: WORKFLOW_TYPES.customerReturn, options: returnStartOptions({ names, goods }) };
  await ensureDocumentWorkflow(engine, names.returnWorkflowId(returnId), isOpen ? start : null);
  return isOpen;
}
