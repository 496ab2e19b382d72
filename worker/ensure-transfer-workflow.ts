import type { Client } from '@temporalio/client';
import { readProgress } from '../domain/stock/transfers/views';
import type { Database } from '../platform/database/database';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';
import { transferStartOptions } from '../workflows/contract/start';
import { ensureDocumentWorkflow } from './ensure-document-workflow';
import { workflowState } from './workflow-state';

interface Engine {
  client: Client;
  names: EngineNames;
}

/** Rings the workflow of a transfer, and starts it where it does not run while the transfer is open. */
export async function ensureTransferWorkflow(
  { db, client, names }: Engine & { db: Database },
  transferId: string,
): Promise<void> {
  const transfer = await readProgress(db, transferId);
  if (!transfer) return;
  const options = transferStartOptions({ names, transferId, transfer });
  const start = { type: WORKFLOW_TYPES.stockTransfer, options };
  await ensureDocumentWorkflow(
    client,
    names.transferWorkflowId(transferId),
    transfer.status === 'in_transit' ? start : null,
  );
}

/** Whether the workflow of a transfer runs, by the engine's own record. */
export async function transferWorkflowRuns({ client, names }: Engine, transferId: string): Promise<boolean> {
  return (await workflowState(client, names.transferWorkflowId(transferId))) === 'running';
}
