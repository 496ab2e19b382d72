import type { Shortage } from '../../domain/stock/sourcing/types';
import type { OrderRecord } from '../../domain/ordering/views';
import { orderPath } from '../http/paths';
import { problem } from '../http/problems';
import type { ApiResponse } from '../http/response';
import type { PlacementOutcome } from '../services/metrics';

/** 202: the client asks again at `Location`, or sends the same request with the same key. */
export function undecidedResponse(orderId: string): ApiResponse {
  return {
    status: 202,
    body: { id: orderId, status: 'pending' },
    headers: { location: orderPath(orderId), 'retry-after': '1' },
  };
}

/** What a placed order's row says: the order, or the problem that ended it before anything was reserved. */
export type PlacementResult =
  | { outcome: Extract<PlacementOutcome, 'reserved'>; response: ApiResponse }
  | { outcome: Exclude<PlacementOutcome, 'reserved'>; error: Error };

export function placementResult({
  view,
  shortages,
  failureDetail,
  failureDetails,
}: OrderRecord): PlacementResult {
  if (view.status === 'rejected') return { outcome: 'rejected', error: outOfStock(shortages, view.id) };
  if (view.status !== 'failed') {
    return {
      outcome: 'reserved',
      response: { status: 201, body: view, headers: { location: orderPath(view.id) } },
    };
  }
  const detail = failureDetail ?? 'The order was undone.';
  const members = { orderId: view.id };
  if (view.failureCode === 'UNKNOWN_SKU') {
    return { outcome: 'unknown_sku', error: problem('UNKNOWN_SKU', detail, members) };
  }
  if (view.failureCode === 'MIXED_CURRENCIES' || view.failureCode === 'PRICE_NOT_CHARGEABLE') {
    return { outcome: 'failed', error: problem(view.failureCode, detail, members) };
  }
  if (view.failureCode === 'BACKORDER_LIMIT') {
    return {
      outcome: 'backorder_limit',
      error: problem('BACKORDER_LIMIT', detail, { ...failureDetails, ...members }),
    };
  }
  if (view.failureCode === 'UNPAID_LIMIT') {
    return {
      outcome: 'unpaid_limit',
      error: problem('UNPAID_LIMIT', detail, { ...failureDetails, ...members }),
    };
  }
  return {
    outcome: 'failed',
    error: problem('ORDER_FAILED', detail, { ...members, reason: view.failureCode }),
  };
}

/** `orderId` only where the refusal is an order of its own. */
export function outOfStock(shortages: readonly Shortage[], orderId?: string): Error {
  const [first] = shortages;
  const more = shortages.length > 1 ? ` and ${shortages.length - 1} more` : '';
  const detail = first
    ? `${first.requested} × ${first.sku} wanted, ${first.available} available${more}.`
    : 'There is not enough stock.';
  return problem('OUT_OF_STOCK', detail, { shortages, ...(orderId === undefined ? {} : { orderId }) });
}

export function unknownSkus(skus: readonly string[]): Error {
  return problem(
    'UNKNOWN_SKU',
    `Not sold here: ${skus.slice(0, 5).join(', ')}${skus.length > 5 ? ', …' : ''}.`,
    { skus },
  );
}
