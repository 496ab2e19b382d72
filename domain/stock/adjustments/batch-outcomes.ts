import { orderableOf, OVERFLOW_DETAIL, stockStatus, type BatchCode } from '../ledger/rules';
import type { StockLevel, StockStatus } from '../ledger/types';
import type { StoredOutcome } from './queries';

export interface LocationAfter {
  warehouse: string;
  onHand: number;
  reserved: number;
  /** What could be ordered: nothing of a closed warehouse. */
  available: number;
  status: StockStatus;
}

export interface UpdateOutcome {
  /** Place in the batch, from 0. */
  index: number;
  status: 'applied' | 'rejected';
  code?: BatchCode;
  detail?: string;
  /** As the transaction of this update left it; null where there is no stock. */
  location: LocationAfter | null;
}

/**
 * An outcome as its chunk keeps it.
 *
 * @param active the warehouses that orders are placed from
 */
export function stored(
  code: BatchCode | null,
  level: StockLevel | undefined,
  active: ReadonlySet<number>,
): StoredOutcome {
  const { onHand = null, reserved = null, lowStockThreshold = null, safetyStock = 0 } = level ?? {};
  const counts = [onHand, reserved, lowStockThreshold] as const;
  if (level && !active.has(level.warehouseId)) return [code, ...counts, safetyStock, 1];
  return safetyStock > 0 ? [code, ...counts, safetyStock] : [code, ...counts];
}

/** A kept outcome as the caller is told it. */
export function asOutcome(
  update: { index: number; sku: string; location: string },
  [code, onHand, reserved, threshold, safetyStock = 0, closed]: StoredOutcome,
): UpdateOutcome {
  const { index, location: warehouse } = update;
  let location: LocationAfter | null = null;
  if (onHand !== null && reserved !== null) {
    const available = orderableOf({ onHand, reserved, safetyStock }, closed === undefined);
    location = { warehouse, onHand, reserved, available, status: stockStatus(available, threshold ?? 0) };
  }
  if (code === null) return { index, status: 'applied', location };
  return { index, status: 'rejected', code, detail: detailOf(code, update), location };
}

function detailOf(code: BatchCode, { sku, location }: { sku: string; location: string }): string {
  switch (code) {
    case 'UNKNOWN_SKU':
      return `There is no product ${sku}.`;
    case 'UNKNOWN_LOCATION':
      return `There is no location ${location}.`;
    case 'WOULD_GO_NEGATIVE':
      return `It would take ${sku} at ${location} below zero.`;
    case 'BELOW_RESERVED':
      return `It would leave less of ${sku} at ${location} than is reserved.`;
    case 'QUANTITY_OVERFLOW':
      return OVERFLOW_DETAIL;
    case 'UPDATE_FAILED':
      return `It failed by an error on our side. The stock of ${sku} at ${location} needs a consistency check.`;
  }
}
