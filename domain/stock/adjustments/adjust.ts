import type { Database, Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { allocateBackorders, applyAllocation } from '../../ordering/backorders/allocate';
import { assignUnits } from '../tracking/assign-units';
import type { NamedUnits } from '../tracking/types';
import { checkCountable } from '../ledger/rules';
import { lockStock, postLedger } from '../ledger/ledger';
import { effectIsApplied, insertEmptyStock, selectStockKey, selectThreshold } from '../ledger/queries';
import { stockStatus } from '../sourcing/rules';
import type { LedgerEntry, StockKey, StockLevel, StockStatus } from '../ledger/types';

export interface Adjustment {
  sku: string;
  /** Warehouse code. */
  location: string;
  /** Units to add or take, or the count that was found. */
  change: { delta: number } | { setTo: number };
  reason: string;
  reference?: string | undefined;
  /** Which units were found or are missing, as far as somebody read it off. */
  named?: NamedUnits | undefined;
  actor: string;
  /** Makes the adjustment happen once, however often it is sent. */
  effectId: string;
}

export interface AdjustedLevel extends StockLevel {
  status: StockStatus;
}

/**
 * Changes what is on hand at one location and writes why. Units that arrive go to waiting backorders in the same transaction.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; WOULD_GO_NEGATIVE below zero; BELOW_RESERVED below what is held; QUANTITY_OVERFLOW;
 * what `assignUnits` throws
 */
export async function adjustStock(db: Database, adjustment: Adjustment): Promise<AdjustedLevel> {
  const key = await selectStockKey(db, adjustment.sku, adjustment.location);
  const { productId, warehouseId } = key ?? {};
  if (!productId) throw new AppError('UNKNOWN_SKU', `There is no product ${adjustment.sku}.`);
  if (!warehouseId) throw new AppError('UNKNOWN_LOCATION', `There is no location ${adjustment.location}.`);
  try {
    return await db.retrying((tx) => applyAdjustment(tx, { productId, warehouseId }, adjustment));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function applyAdjustment(
  tx: Transaction,
  key: StockKey,
  adjustment: Adjustment,
): Promise<AdjustedLevel> {
  const { effectId, change, reason, reference, named = {}, actor } = adjustment;
  await insertEmptyStock(tx, [key]);
  const [before] = await lockStock(tx, [key]);
  const threshold = await selectThreshold(tx, key);
  if (!before) throw new AppError('UNKNOWN_LOCATION', `There is no location ${adjustment.location}.`);
  if (await effectIsApplied(tx, 'adjust', effectId)) return withStatus(before, threshold);

  const delta = 'delta' in change ? change.delta : change.setTo - before.onHand;
  const onHand = before.onHand + delta;
  if (onHand < 0) {
    throw new AppError('WOULD_GO_NEGATIVE', `Only ${before.onHand} are on hand.`, { onHand: before.onHand });
  }
  if (onHand < before.reserved) {
    throw new AppError('BELOW_RESERVED', `${before.reserved} are reserved.`, { reserved: before.reserved });
  }
  checkCountable(onHand);

  const entry: LedgerEntry = {
    ...key,
    kind: 'adjust',
    onHandDelta: delta,
    reservedDelta: 0,
    effectId,
    reason,
    actor,
    ...(reference ? { reference } : {}),
  };
  await assignUnits(tx, entry, named);
  await postLedger(tx, [entry]);
  if (delta > 0) await applyAllocation(tx, await allocateBackorders(tx, [{ ...key, quantity: delta }]));
  const [after] = await lockStock(tx, [key]);
  return withStatus(after ?? before, threshold);
}

function withStatus(level: StockLevel, threshold: number): AdjustedLevel {
  return { ...level, status: stockStatus(level.available, threshold) };
}
