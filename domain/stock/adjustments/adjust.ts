import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { assignUnits } from '../tracking/assign-units';
import type { NamedUnits } from '../tracking/types';
import { stockStatus } from '../ledger/rules';
import {
  checkCountable,
  effectIsApplied,
  findStockKey,
  insertEmptyStock,
  lockStock,
  type StockAccess,
  type StockLedger,
} from '../ledger/stock-ledger';
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
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; WOULD_GO_NEGATIVE below zero; BELOW_RESERVED below what is reserved; QUANTITY_OVERFLOW;
 * what `assignUnits` throws
 */
export async function adjustStock(
  { db, stock }: StockAccess,
  adjustment: Adjustment,
): Promise<AdjustedLevel> {
  const key = await findStockKey(db, adjustment);
  try {
    return await db.retrying((tx) => applyAdjustment(tx, stock, key, adjustment));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function applyAdjustment(
  tx: Transaction,
  stock: StockLedger,
  key: StockKey,
  adjustment: Adjustment,
): Promise<AdjustedLevel> {
  const { effectId, change, reason, reference, named = {}, actor } = adjustment;
  await insertEmptyStock(tx, [key]);
  const [before] = await lockStock(tx, [key]);
  if (!before) throw new AppError('UNKNOWN_LOCATION', `There is no location ${adjustment.location}.`);
  if (await effectIsApplied(tx, 'adjust', effectId)) return withStatus(before);

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
  await stock.change(tx, [entry]);
  const [after] = await lockStock(tx, [key]);
  return withStatus(after ?? before);
}

function withStatus(level: StockLevel): AdjustedLevel {
  return { ...level, status: stockStatus(level.available, level.lowStockThreshold) };
}
