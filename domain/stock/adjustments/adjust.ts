import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { readActive } from '../../catalog/warehouse-state';
import { assignUnits } from '../tracking/assign-units';
import { selectLotsNumberedSince } from '../tracking/tracking';
import type { NamedUnits } from '../tracking/types';
import { effectiveTime } from '../ledger/effective-time';
import { decideNumber } from '../ledger/numbers';
import { orderableOf, stockStatus } from '../ledger/rules';
import {
  checkCountable,
  effectIsApplied,
  endOvertakenHolds,
  findStockKey,
  insertEmptyStock,
  lockStock,
  selectNumberedSince,
  selectNumberFacts,
  type StockAccess,
  type StockLedger,
} from '../ledger/stock-ledger';
import type { Correction, LedgerEntry, StockKey, StockLevel, StockStatus } from '../ledger/types';

export const ADJUSTMENT_KINDS = ['movement', 'correction'] as const;

export type AdjustmentChange =
  /**
   * Units to add or take. A movement (the default) takes effect now. A correction of what the books say takes effect as of `asOf`,
   * where it has one; without, the next newer absolute number supersedes it.
   */
  | { delta: number; kind?: (typeof ADJUSTMENT_KINDS)[number] | undefined; asOf?: string | undefined }
  /** What was on hand as of `asOf`, RFC 3339; by default when the request began. `expected`: what is on hand now, or nothing is done. */
  | { setTo: number; asOf?: string | undefined; expected?: number | undefined };

export interface Adjustment {
  sku: string;
  /** Warehouse code. */
  location: string;
  change: AdjustmentChange;
  reason: string;
  reference?: string | undefined;
  /** Which units were found or are missing, as far as somebody read it off. */
  named?: NamedUnits | undefined;
  actor: string;
  /** Makes the adjustment happen once, however often it is sent. */
  effectId: string;
}

export interface AdjustedLevel extends StockLevel {
  /** What can be ordered: nothing of a closed warehouse. */
  available: number;
  status: StockStatus;
  /** `superseded`: a newer absolute number is known already, and nothing was changed. */
  outcome: 'applied' | 'superseded';
}

/**
 * Changes what is on hand at one location and writes why. Units that arrive go to waiting backorders in the same transaction.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION; WOULD_GO_NEGATIVE below zero; BELOW_RESERVED below what is reserved; QUANTITY_OVERFLOW;
 * ON_HAND_CHANGED where another number is on hand than expected; what `effectiveTime` and `assignUnits` throw
 */
export async function adjustStock(
  { db, stock }: StockAccess,
  adjustment: Adjustment,
): Promise<AdjustedLevel> {
  const { change } = adjustment;
  // Before the wait for the row's lock: what moves meanwhile has moved after it.
  const hasTime = 'setTo' in change || change.asOf !== undefined;
  const asOf = hasTime ? await effectiveTime(db, change.asOf) : null;
  const key = await findStockKey(db, adjustment);
  try {
    return await db.retrying((tx) => applyAdjustment(tx, stock, key, { ...adjustment, asOf }));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

interface TimedAdjustment extends Adjustment {
  /** Null: of a movement, and of a correction without a time. */
  asOf: string | null;
}

async function applyAdjustment(
  tx: Transaction,
  stock: StockLedger,
  key: StockKey,
  adjustment: TimedAdjustment,
): Promise<AdjustedLevel> {
  const { effectId, reason, reference, named = {}, actor } = adjustment;
  await insertEmptyStock(tx, [key]);
  const [before] = await lockStock(tx, [key]);
  if (!before) throw new AppError('UNKNOWN_LOCATION', `There is no location ${adjustment.location}.`);
  if (await effectIsApplied(tx, 'adjust', effectId)) return asAdjusted(tx, before, 'applied');

  const decided = await decide(tx, before, adjustment);
  if (decided === 'superseded') return asAdjusted(tx, before, 'superseded');
  const { delta, correction } = decided;
  const onHand = before.onHand + delta;
  if (onHand < 0) {
    throw new AppError('WOULD_GO_NEGATIVE', `Only ${before.onHand} are on hand.`, { onHand: before.onHand });
  }
  const { asOf = null, number } = correction ?? {};
  const isNumber = number !== undefined && asOf !== null;
  const released = isNumber ? await endOvertakenHolds(tx, [{ ...key, asOf }]) : [];
  const reserved = released.reduce((rest, { quantity }) => rest - quantity, before.reserved);
  if (onHand < reserved) throw new AppError('BELOW_RESERVED', `${reserved} are reserved.`, { reserved });
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
    ...(correction ? { correction } : {}),
  };
  await assignUnits(tx, entry, named);
  await stock.change(tx, [entry], released);
  const [after] = await lockStock(tx, [key]);
  return asAdjusted(tx, after ?? before, 'applied');
}

/** What is to be added or taken. The transaction has the row's lock. */
async function decide(
  tx: Transaction,
  before: StockLevel,
  { change, asOf, named }: TimedAdjustment,
): Promise<'superseded' | { delta: number; correction: Correction | null }> {
  if ('setTo' in change && change.expected !== undefined && change.expected !== before.onHand) {
    throw new AppError('ON_HAND_CHANGED', `${before.onHand} are on hand, not ${change.expected}.`, {
      onHand: before.onHand,
    });
  }
  const isMovement = 'delta' in change && change.kind !== 'correction';
  if (isMovement) return { delta: change.delta, correction: null };
  if (asOf === null) return { delta: 'delta' in change ? change.delta : 0, correction: { asOf } };
  const { productId, warehouseId, onHand } = before;
  const [facts] = await selectNumberFacts(tx, [{ productId, warehouseId, asOf }]);
  if (!facts) throw new Error('a locked stock row is gone');
  if ('delta' in change) {
    const lots = lotsOfAll(change.delta, named);
    const isSeen = lots ? await isSeenOfLots(tx, before, lots, asOf) : facts.isInNewest;
    return isSeen ? 'superseded' : { delta: change.delta, correction: { asOf } };
  }
  const decision = decideNumber({ ...facts, onHand }, change.setTo);
  if (decision.outcome === 'superseded') return 'superseded';
  return { delta: decision.delta, correction: { asOf, number: change.setTo } };
}

/** Lots that are named for every unit; null: some unit is of no named one. */
function lotsOfAll(delta: number, { lots = [] }: NamedUnits = {}): readonly string[] | null {
  const units = lots.reduce((sum, { quantity }) => sum + quantity, 0);
  return units > 0 && units === Math.abs(delta) ? lots.map(({ code }) => code) : null;
}

/** A number as of the time or later has seen what is corrected: one of the place or of these lots. Those of other lots tell nothing of it. */
async function isSeenOfLots(
  tx: Transaction,
  key: StockKey,
  codes: readonly string[],
  asOf: string,
): Promise<boolean> {
  const { productId, warehouseId } = key;
  if ((await selectNumberedSince(tx, [{ productId, warehouseId }], asOf)).length > 0) return true;
  const lots = codes.map((code) => ({ productId, warehouseId, code }));
  return (await selectLotsNumberedSince(tx, lots, asOf)).length > 0;
}

async function asAdjusted(
  tx: Transaction,
  level: StockLevel,
  outcome: AdjustedLevel['outcome'],
): Promise<AdjustedLevel> {
  const available = orderableOf(level, (await readActive(tx)).has(level.warehouseId));
  return { ...level, available, status: stockStatus(available, level.lowStockThreshold), outcome };
}
