import type { BatchLevel, StoredOutcome } from './queries';
import { OVERFLOW_DETAIL, type BatchCode } from '../ledger/rules';
import { stockStatus } from '../sourcing/rules';
import type { StockStatus } from '../ledger/types';

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

/** A verdict as its chunk keeps it. */
export function stored(code: BatchCode | null, level: BatchLevel | undefined): StoredOutcome {
  return [code, level?.onHand ?? null, level?.reserved ?? null, level?.lowStockThreshold ?? null];
}

/** A kept verdict as the caller is told it. */
export function asOutcome(
  update: { index: number; sku: string; location: string },
  [code, onHand, reserved, threshold]: StoredOutcome,
): UpdateOutcome {
  const { index, location: warehouse } = update;
  const location =
    onHand === null || reserved === null
      ? null
      : {
          warehouse,
          onHand,
          reserved,
          available: onHand - reserved,
          status: stockStatus(onHand - reserved, threshold ?? 0),
        };
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
