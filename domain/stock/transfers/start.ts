import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { enqueue } from '../../../platform/database/outbox';
import {
  checkCountable,
  insertEmptyStock,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../ledger/stock-ledger';
import { unreserved } from '../ledger/rules';
import type { LedgerEntry, StockKey } from '../ledger/types';
import { assignUnits } from '../tracking/assign-units';
import type { NamedUnits } from '../tracking/types';
import { ledgerReference } from './ledger-reference';
import { recordEnd } from './record-end';
import { insertTransfer, selectPlaces } from './queries';
import type { TransferMode, TransferView } from './types';
import { selectTransfer } from './view-queries';

export interface TransferRequest {
  /** Makes the transfer happen once, however often it is sent. */
  transferId: string;
  sku: string;
  /** Warehouse codes, not the same. */
  from: string;
  to: string;
  quantity: number;
  mode: TransferMode;
  reason?: string | undefined;
  reference?: string | undefined;
  actor: string;
  /** When it should have arrived; `transitSeconds` from now where it is not given. */
  expectedAt?: Date | undefined;
  transitSeconds: number;
  /** Which units leave, as far as somebody read it off. */
  named?: NamedUnits | undefined;
}

/**
 * Takes units from one warehouse to another: at once, or out of the first and on their way to the second. Only what nobody
 * has reserved may leave. Units that are there at once go to those who wait in the same transaction.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; OUT_OF_STOCK with `shortages`; QUANTITY_OVERFLOW at the target; what `assignUnits`
 * throws
 */
export async function startTransfer(
  { db, stock }: StockAccess,
  request: TransferRequest,
): Promise<TransferView> {
  const places = await selectPlaces(db, request);
  const { productId, sourceId, targetId } = places;
  if (productId === null) throw new AppError('UNKNOWN_SKU', `There is no product ${request.sku}.`);
  if (sourceId === null) throw new AppError('UNKNOWN_LOCATION', `There is no location ${request.from}.`);
  if (targetId === null) throw new AppError('UNKNOWN_LOCATION', `There is no location ${request.to}.`);
  try {
    return await db.retrying(async (tx) => {
      const isNew = await moveOut(tx, stock, request, { productId, sourceId, targetId });
      const view = await selectTransfer(tx, request.transferId);
      if (!view) throw new Error('a transfer disappeared');
      if (isNew && view.status === 'completed') await recordEnd(tx, view, request.actor);
      return view;
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/** False: it was made before. */
async function moveOut(
  tx: Transaction,
  stock: StockLedger,
  request: TransferRequest,
  { productId, sourceId, targetId }: { productId: number; sourceId: number; targetId: number },
): Promise<boolean> {
  const { sku, transferId, mode, quantity, reason = null, reference = null, named = {}, actor } = request;
  const source = { productId, warehouseId: sourceId };
  const target = { productId, warehouseId: targetId };
  // Also for units that only set out: GET /inventory/{sku} shows them at the place they go to.
  await insertEmptyStock(tx, [target]);
  const levels = await lockStock(tx, [source, target]);
  const isNew = await insertTransfer(tx, {
    id: transferId,
    productId,
    sourceId,
    targetId,
    mode,
    quantity,
    reason,
    reference,
    actor,
    expectedAt: request.expectedAt ?? null,
    transitSeconds: request.transitSeconds,
  });
  if (!isNew) return false;
  const at = (key: StockKey) => levels.find((level) => level.warehouseId === key.warehouseId);
  const available = unreserved(at(source));
  if (available < quantity) {
    throw new AppError('OUT_OF_STOCK', `Only ${available} may leave ${request.from}.`, {
      shortages: [{ sku, requested: quantity, available }],
    });
  }
  const arrives = mode === 'immediate';
  if (arrives) checkCountable((at(target)?.onHand ?? 0) + quantity);
  const shared = {
    reservedDelta: 0,
    effectId: transferId,
    reference: ledgerReference(transferId),
    actor,
    ...(reason === null ? {} : { reason }),
  };
  const out: LedgerEntry = { ...source, ...shared, kind: 'transfer_out', onHandDelta: -quantity };
  const into: LedgerEntry = { ...target, ...shared, kind: 'transfer_in', onHandDelta: quantity };
  await assignUnits(tx, out, named);
  if (!arrives) await enqueue(tx, [{ topic: 'transfer.wake', key: transferId }]);
  await stock.change(tx, arrives ? [out, into] : [out]);
  return true;
}
