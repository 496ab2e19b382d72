import { availableOf, OVERFLOW_DETAIL, stockStatus, type BatchCode } from '../ledger/rules';
import type { StockLevel, StockStatus } from '../ledger/types';
import type { StoredOutcome } from './queries';

export interface LocationAfter {
  warehouse: string;
  onHand: number;
  reserved: number;
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

/** An outcome as its chunk keeps it. */
export function stored(code: BatchCode | null, level: StockLevel | undefined): StoredOutcome {
  const { onHand = null, reserved = null, lowStockThreshold = null, safetyStock = 0 } = level ?? {};
  const counts = [onHand, reserved, lowStockThreshold] as const;
  return safetyStock > 0 ? [code, ...counts, safetyStock] : [code, ...counts];
}

/** A kept outcome as the caller is told it. */
export function asOutcome(
  update: { index: number; sku: string; location: string },
  [code, onHand, reserved, threshold, safetyStock = 0]: StoredOutcome,
): UpdateOutcome {
  const { index, location: warehouse } = update;
  let location: LocationAfter | null = null;
  if (onHand !== null && reserved !== null) {
    const available = availableOf({ onHand, reserved, safetyStock });
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
