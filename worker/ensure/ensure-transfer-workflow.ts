import { readProgress } from '../../domain/stock/transfers/views';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { transferStartOptions } from '../../workflows/contract/start';
import { ensureDocumentWorkflow, type EnsureContext } from './ensure-document-workflow';

/**
 * Wakes the workflow of a transfer, and starts it where it does not run while the transfer is open.
 *
 * @returns false when the transfer has ended, or there is none
 */
export async function ensureTransferWorkflow(
  { db, engine, names }: EnsureContext,
  transferId: string,
): Promise<boolean> {
  const transfer = await readProgress(db, transferId);
  if (!transfer) return false;
  const isOpen = transfer.status === 'in_transit';
  const options = transferStartOptions({ names, transferId, transfer });
  const start = { type: WORKFLOW_TYPES.stockTransfer, options };
  await ensureDocumentWorkflow(engine, names.transferWorkflowId(transferId), isOpen ? start : null);
  return isOpen;
}
