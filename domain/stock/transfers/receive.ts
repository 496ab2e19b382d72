import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { enqueue } from '../../../platform/database/outbox';
import { resolveTransferOverdue } from '../alerts/alerts';
import {
  checkCountable,
  effectIsApplied,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../ledger/stock-ledger';
import type { LedgerEntry } from '../ledger/types';
import { assignUnits, checkNamed } from '../tracking/assign-units';
import { together } from '../tracking/rules';
import type { NamedUnits } from '../tracking/types';
import { ledgerReference } from './ledger-reference';
import { recordEnd } from './record-end';
import { selectTransferForUpdate, updateUnits, type TransferRow } from './queries';
import type { TransferView } from './types';
import { selectTransfer } from './view-queries';

export interface ReceiptOfTransfer {
  transferId: string;
  /** Makes the receipt happen once, however often it is sent. */
  receiptId: string;
  /** Units that arrived whole; all that are open when neither this nor `lost` is given. */
  quantity?: number | undefined;
  /** Units that will not arrive, or arrived broken. */
  lost?: number | undefined;
  /** Which units arrived whole, and which did not, as far as somebody read it off. */
  named?: NamedUnits | undefined;
  namedLost?: NamedUnits | undefined;
  reason?: string | undefined;
  actor: string;
}

/**
 * Writes what arrived of a transfer, and what was lost of it. A loss arrives and is written off in one step, so that the ledger
 * explains it. Units that arrived go to those who wait in the same transaction; the last one completes the transfer.
 *
 * @throws NOT_FOUND; TRANSFER_NOT_OPEN once it has ended; OVER_RECEIPT beyond what is open; QUANTITY_OVERFLOW; what `assignUnits` throws,
 * SERIAL_NOT_THERE and LOT_SHORT for units that are not on their way with this transfer
 */
export async function receiveTransfer(
  { db, stock }: StockAccess,
  receipt: ReceiptOfTransfer,
): Promise<TransferView> {
  try {
    return await db.retrying(async (tx) => {
      const transfer = await lockTransfer(tx, receipt.transferId);
      if (await effectIsApplied(tx, 'transfer_in', receipt.receiptId)) return viewOf(tx, receipt.transferId);
      await take(tx, stock, transfer, receipt);
      const view = await viewOf(tx, receipt.transferId);
      if (view.status === 'completed') await recordEnd(tx, view, receipt.actor);
      return view;
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/** @throws NOT_FOUND */
export async function lockTransfer(tx: Transaction, transferId: string): Promise<TransferRow> {
  const transfer = await selectTransferForUpdate(tx, transferId);
  if (!transfer) throw new AppError('NOT_FOUND', 'There is no such transfer.');
  return transfer;
}

export async function viewOf(tx: Transaction, transferId: string): Promise<TransferView> {
  const view = await selectTransfer(tx, transferId);
  if (!view) throw new Error('a transfer disappeared');
  return view;
}

/** Resolves the alert of a transfer that has ended. */
export async function resolveOverdue(tx: Transaction, transfer: TransferRow): Promise<void> {
  const { productId, targetId: warehouseId } = transfer;
  if (transfer.isOverdue) await resolveTransferOverdue(tx, { productId, warehouseId });
}

async function take(
  tx: Transaction,
  stock: StockLedger,
  transfer: TransferRow,
  receipt: ReceiptOfTransfer,
): Promise<void> {
  const { transferId, receiptId, lost = 0, reason, actor } = receipt;
  if (transfer.status !== 'in_transit') {
    throw new AppError('TRANSFER_NOT_OPEN', `The transfer is ${transfer.status}.`, {
      status: transfer.status,
    });
  }
  const quantity = receipt.quantity ?? (lost > 0 ? 0 : transfer.open);
  if (quantity + lost > transfer.open) {
    throw new AppError('OVER_RECEIPT', `Only ${transfer.open} are on their way.`, { open: transfer.open });
  }
  const target = { productId: transfer.productId, warehouseId: transfer.targetId };
  const [level] = await lockStock(tx, [target]);
  checkCountable((level?.onHand ?? 0) + quantity);
  const shared = {
    ...target,
    reservedDelta: 0,
    effectId: receiptId,
    reference: ledgerReference(transferId),
    actor,
    ...(reason === undefined ? {} : { reason }),
  };
  const into: LedgerEntry = { ...shared, kind: 'transfer_in', onHandDelta: quantity + lost };
  const out: LedgerEntry = { ...shared, kind: 'write_off', onHandDelta: -lost };
  const { named = {}, namedLost = {} } = receipt;
  await checkNamed(tx, target.productId, [
    { units: quantity, named },
    { units: lost, named: namedLost },
  ]);
  await assignUnits(tx, into, together(named, namedLost));
  if (lost > 0) await assignUnits(tx, out, namedLost);
  const entries: LedgerEntry[] = lost > 0 ? [into, out] : [into];
  const ends = quantity + lost === transfer.open;
  await updateUnits(tx, transferId, { received: quantity, lost, status: ends ? 'completed' : 'in_transit' });
  if (ends) await resolveOverdue(tx, transfer);
  await enqueue(tx, [{ topic: 'transfer.wake', key: transferId }]);
  await stock.change(tx, entries);
}
