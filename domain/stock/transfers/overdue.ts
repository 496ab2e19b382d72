import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { raiseTransferOverdue } from '../alerts/alerts';
import { claimUnattended, selectTransferForUpdate, updateOverdue } from './queries';
import type { TransferProgress } from './types';
import { readProgress } from './views';

/**
 * Marks a transfer that has not arrived in time and raises the alert. One that is not due yet, has ended or is marked already
 * is left as it is. Returns how far it has come.
 *
 * @throws NOT_FOUND
 */
export async function markOverdue(db: Database, transferId: string): Promise<TransferProgress> {
  await db.retrying(async (tx) => {
    const transfer = await selectTransferForUpdate(tx, transferId);
    if (transfer?.status !== 'in_transit' || transfer.isOverdue) return;
    if (transfer.msLeft === null || transfer.msLeft > 0) return;
    const { productId, targetId: warehouseId } = transfer;
    await updateOverdue(tx, transferId);
    await raiseTransferOverdue(tx, { productId, warehouseId, transferId });
  });
  const progress = await readProgress(db, transferId);
  if (!progress) throw new AppError('NOT_FOUND', 'There is no such transfer.');
  return progress;
}

/**
 * Takes up to `limit` open transfers whose workflow is to be looked for: those past due for `graceSeconds` that were not
 * found overdue, and others every `recheckSeconds`. Several callers share them.
 */
export function claimUnattendedTransfers(
  db: Database,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  return claimUnattended(db, limits);
}
