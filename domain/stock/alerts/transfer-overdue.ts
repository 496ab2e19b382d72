import type { Transaction } from '../../../platform/database/database';
import type { StockKey } from '../ledger/types';
import { lockTransferOverdue, updateTransferOverdue, upsertTransferOverdue } from './queries';
import type { OverdueTransfer } from './types';

/**
 * Tells of a transfer that should have arrived at `warehouseId`, in the transaction that marks it as overdue. All that are overdue there
 * share one alert, whose details say how many there are and show the first of them as `transferIds`; a further one opens an acknowledged
 * alert again.
 */
export async function raiseTransferOverdue(tx: Transaction, transfer: OverdueTransfer): Promise<void> {
  await upsertTransferOverdue(tx, transfer);
  await updateTransferOverdue(tx, transfer);
}

/** Takes what has ended off the alert of a location, in the transaction that ends it; without any left the alert is resolved. */
export async function resolveTransferOverdue(tx: Transaction, key: StockKey): Promise<void> {
  if ((await lockTransferOverdue(tx, key)) > 0) await updateTransferOverdue(tx, key);
}
