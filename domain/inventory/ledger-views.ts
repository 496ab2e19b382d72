import type { Database } from '../../platform/database';
import {
  productExists,
  selectLedgerPage,
  type LedgerFilter,
  type LedgerPosition,
  type LedgerView,
} from './ledger-view-queries';

export type { LedgerFilter, LedgerPosition, LedgerView };

/** A page of a product's ledger, newest first, or null when there is no such product. `next`: where the next one begins. */
export async function listLedger(
  db: Database,
  filter: LedgerFilter,
): Promise<{ items: LedgerView[]; next: LedgerPosition | null } | null> {
  const found = await selectLedgerPage(db, filter);
  if (found.length === 0 && !(await productExists(db, filter.sku))) return null;
  const page = found.slice(0, filter.limit);
  const last = found.length > filter.limit ? page.at(-1) : undefined;
  return {
    items: page.map(({ atMicros: _, ...view }) => view),
    next: last ? { atMicros: last.atMicros, id: last.id } : null,
  };
}
