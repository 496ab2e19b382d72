import { AppError } from '../../../platform/errors';
import type { StockKey } from './types';

/** Counters hold PostgreSQL's int. */
export const MAX_ON_HAND = 2_147_483_647;

export const OVERFLOW_DETAIL = `At most ${MAX_ON_HAND} can be on hand.`;

/** @throws AppError `QUANTITY_OVERFLOW` for more units than a stock row can count. */
export function checkCountable(onHand: number): void {
  if (onHand > MAX_ON_HAND) throw new AppError('QUANTITY_OVERFLOW', OVERFLOW_DETAIL);
}

export type UpdateRefusal = 'WOULD_GO_NEGATIVE' | 'BELOW_RESERVED' | 'QUANTITY_OVERFLOW';
/** `UPDATE_FAILED`: it failed by an error of its own, which is no rule of the stock. */
export type BatchCode = UpdateRefusal | 'UNKNOWN_SKU' | 'UNKNOWN_LOCATION' | 'UPDATE_FAILED';

/** What one stock row counts. */
export interface Counters {
  onHand: number;
  reserved: number;
}

/** A wish to change what is on hand in one row. */
export interface StockUpdate extends StockKey {
  /** Units to add or take; not zero. */
  delta: number;
}

/** Why a row cannot be changed by `delta`, or null when it can. */
export function refusalOf({ onHand, reserved }: Counters, delta: number): UpdateRefusal | null {
  const after = onHand + delta;
  if (after < 0) return 'WOULD_GO_NEGATIVE';
  if (after < reserved) return 'BELOW_RESERVED';
  return after > MAX_ON_HAND ? 'QUANTITY_OVERFLOW' : null;
}

export function stockKeyOf({ productId, warehouseId }: StockKey): string {
  return `${productId}:${warehouseId}`;
}

/**
 * Judges updates in their order, each on what those before it have left: a refused one changes nothing for the next.
 *
 * @param levels what the rows count now, by `stockKeyOf`; brought to what they count after the updates
 * @returns for each update why it is refused, or null when it is to be applied
 */
export function decideUpdates(
  levels: Map<string, Counters>,
  updates: readonly StockUpdate[],
): (UpdateRefusal | null)[] {
  return updates.map((update) => {
    const key = stockKeyOf(update);
    const level = levels.get(key) ?? { onHand: 0, reserved: 0 };
    const refusal = refusalOf(level, update.delta);
    if (refusal === null) levels.set(key, { ...level, onHand: level.onHand + update.delta });
    return refusal;
  });
}
