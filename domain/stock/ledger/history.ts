import type { Database } from '../../../platform/database/database';
import { selectProductId } from '../../catalog/product-ids';
import {
  selectLedgerPage,
  type LedgerFilter,
  type LedgerPosition,
  type LedgerView,
} from './history-queries';

export type { LedgerFilter, LedgerPosition, LedgerView };

/** A page of a product's ledger, newest first, or null when there is no such product. `next`: where the next one begins. */
export async function listLedger(
  db: Database,
  sku: string,
  filter: LedgerFilter,
): Promise<{ items: LedgerView[]; next: LedgerPosition | null } | null> {
  const productId = await selectProductId(db, sku);
  if (productId === undefined) return null;
  const found = await selectLedgerPage(db, productId, filter);
  const page = found.slice(0, filter.limit);
  const last = found.length > filter.limit ? page.at(-1) : undefined;
  return {
    items: page,
    next: last ? { atMicros: last.at, id: last.id } : null,
  };
}
