import type { Allocation, StockChange, StockKey, StockStatus } from './types';

/** Counters hold PostgreSQL's int. */
export const MAX_ON_HAND = 2_147_483_647;

export const OVERFLOW_DETAIL = `At most ${MAX_ON_HAND} can be on hand.`;

export type UpdateRefusal = 'WOULD_GO_NEGATIVE' | 'BELOW_RESERVED' | 'QUANTITY_OVERFLOW';
/** `UPDATE_FAILED`: it failed by an error of its own, which is no rule of the stock. */
export type BatchCode = UpdateRefusal | 'UNKNOWN_SKU' | 'UNKNOWN_LOCATION' | 'UPDATE_FAILED';

/** The counters of one stock row. */
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

/** A stock row's key as one string, for maps. */
export function stockKeyOf({ productId, warehouseId }: StockKey): string {
  return `${productId}:${warehouseId}`;
}

/** Of what is about one stock row the last, in the order in which the rows first occur. */
export function distinctKeys<Key extends StockKey>(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [stockKeyOf(key), key])).values()];
}

/**
 * Decides updates in their order, each on what those before it have left: a refused one changes nothing for the next.
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

/** One change for each stock row, in the order in which the rows first occur. */
export function foldChanges(changes: readonly StockChange[]): StockChange[] {
  const byRow = new Map<string, StockChange>();
  for (const { productId, warehouseId, onHandDelta, reservedDelta } of changes) {
    const key = stockKeyOf({ productId, warehouseId });
    const known = byRow.get(key);
    if (known) {
      known.onHandDelta += onHandDelta;
      known.reservedDelta += reservedDelta;
    } else {
      byRow.set(key, { productId, warehouseId, onHandDelta, reservedDelta });
    }
  }
  return [...byRow.values()];
}

/** Units that changes make available; each row is named once. */
export function freedUnits(folded: readonly StockChange[]): Allocation[] {
  return folded.flatMap(({ productId, warehouseId, onHandDelta, reservedDelta }) => {
    const quantity = onHandDelta - reservedDelta;
    return quantity > 0 ? [{ productId, warehouseId, quantity }] : [];
  });
}

/** Units that nobody has reserved: what the warehouse may use for its own work, its safety stock included. */
export function unreserved(level: Counters | undefined): number {
  return level ? level.onHand - level.reserved : 0;
}

/** What of a stock row may be promised to customers; the same as its column `available`. */
export function availableOf(level: Counters & { safetyStock: number }): number {
  return Math.max(0, unreserved(level) - level.safetyStock);
}

/** What of a stock row can be ordered: what may be promised to customers, and nothing of a closed warehouse. */
export function orderableOf(level: Counters & { safetyStock: number }, isOpen: boolean): number {
  return isOpen ? availableOf(level) : 0;
}

/** How a location's stock is shown. A threshold of 0 never makes it low. */
export function stockStatus(available: number, lowStockThreshold: number): StockStatus {
  if (available <= 0) return 'out_of_stock';
  return available <= lowStockThreshold ? 'low_stock' : 'available';
}

/**
 * The expiry of reservations looks again at least this often, seconds, whether it is asked to or not. A reservation that falls
 * due later than this is therefore found without a message, so that reservations of the usual length cost the expiry nothing
 * when they are made.
 */
export const LOOK_EVERY_SECONDS = 30;

/**
 * Longer than a reservation takes from its statement to its commit, seconds. The expiry may look while one is in between: it
 * does not see the reservation, nor did the reservation see when the expiry will look next. Within this time of the next look
 * a reservation therefore sends a message to be safe.
 */
export const COMMIT_SECONDS = 2;
