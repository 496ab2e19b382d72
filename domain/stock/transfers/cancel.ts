import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { derivedId } from '../../../platform/ids';
import { enqueue } from '../../../platform/database/outbox';
import { checkCountable, lockStock, type StockAccess, type StockLedger } from '../ledger/stock-ledger';
import { ledgerReference } from './ledger-reference';
import { recordEnd } from './record-end';
import { updateUnits, type TransferRow } from './queries';
import { lockTransfer, resolveOverdue, viewOf } from './receive';
import type { TransferView } from './types';

/**
 * Calls back what is still on its way: it is on hand at the source again, and goes to those who wait. What was received or
 * lost before stays so. A transfer that is cancelled already is returned as it is.
 *
 * @throws NOT_FOUND; TRANSFER_NOT_OPEN once it is completed
 */
export async function cancelTransfer(
  { db, stock }: StockAccess,
  request: { transferId: string; reason?: string | undefined; actor: string },
): Promise<TransferView> {
  try {
    return await db.retrying(async (tx) => {
      const transfer = await lockTransfer(tx, request.transferId);
      if (transfer.status === 'completed') {
        throw new AppError('TRANSFER_NOT_OPEN', 'The transfer is completed.', { status: 'completed' });
      }
      if (transfer.status !== 'in_transit') return viewOf(tx, request.transferId);
      await callBack(tx, stock, transfer, request);
      const view = await viewOf(tx, request.transferId);
      await recordEnd(tx, view, request.actor);
      return view;
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function callBack(
  tx: Transaction,
  stock: StockLedger,
  transfer: TransferRow,
  { transferId, reason, actor }: { transferId: string; reason?: string | undefined; actor: string },
): Promise<void> {
  const { productId, sourceId, open } = transfer;
  const source = { productId, warehouseId: sourceId };
  const [level] = await lockStock(tx, [source]);
  checkCountable((level?.onHand ?? 0) + open);
  await updateUnits(tx, transferId, { returned: open, status: 'cancelled' });
  await resolveOverdue(tx, transfer);
  await enqueue(tx, [{ topic: 'transfer.wake', key: transferId }]);
  await stock.change(tx, [
    {
      ...source,
      kind: 'transfer_in',
      onHandDelta: open,
      reservedDelta: 0,
      effectId: derivedId('transfer-cancel', transferId),
      reference: ledgerReference(transferId),
      actor,
      ...(reason === undefined ? {} : { reason }),
    },
  ]);
}
