import type { Transaction } from '../../../platform/database/database';
import { insertStockRows, type StockLedger } from './stock-ledger';
import type { StockKey } from './types';

export interface OpeningStock {
  key: StockKey;
  /** Units on hand; 0 makes an empty row. */
  units: number;
  /** Key of the ledger entry. */
  effectId: string;
}

/**
 * Makes the stock rows of products that are new in this transaction, each unit explained by a ledger entry. The rows are the
 * transaction's own, so they need no other lock.
 *
 * @param options.lowStockThreshold units below which the rows raise an alert
 */
export async function openStock(
  tx: Transaction,
  stock: StockLedger,
  levels: readonly OpeningStock[],
  { lowStockThreshold, reason }: { lowStockThreshold: number; reason: string },
): Promise<void> {
  await insertStockRows(
    tx,
    levels.map(({ key }) => key),
    lowStockThreshold,
  );
  await stock.change(
    tx,
    levels
      .filter(({ units }) => units > 0)
      .map(({ key, effectId, units }) => ({
        ...key,
        kind: 'opening' as const,
        onHandDelta: units,
        reservedDelta: 0,
        effectId,
        reason,
      })),
  );
}
