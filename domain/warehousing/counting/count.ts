import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { effectiveTimes } from '../../stock/ledger/stock-ledger';
import { lockSheet, selectLines, updateCounts, type LineRow } from './queries';
import { sheetIn } from './sheets';
import type { Counted, SheetView } from './types';

export interface CountRequest {
  sheetId: string;
  counts: readonly Counted[];
  actor: string;
  /** The same id is the same request: sent again, it counts nothing anew. Another with the same numbers is another count. */
  countId: string;
}

/**
 * Records what was found of products of a sheet as of a time, against what the ledger says was on hand then. A line may be counted
 * again until it is submitted.
 *
 * @throws NOT_FOUND; UNKNOWN_SKU for a product that is not on the sheet; COUNT_NOT_OPEN for a line that was submitted; what
 *   `effectiveTime` throws
 */
export async function countLines(db: Database, request: CountRequest): Promise<SheetView> {
  const { sheetId, actor, countId } = request;
  // Before the wait for the sheet's lock. Of a product that is named twice the last counts.
  const counts = [...new Map(request.counts.map((count) => [count.sku, count])).values()];
  const times = await effectiveTimes(
    db,
    counts.map((count) => count.countedAt),
  );
  return db.retrying(async (tx) => {
    const sheet = await lockSheet(tx, sheetId);
    if (!sheet) throw new AppError('NOT_FOUND', 'There is no such count.');
    const lines = new Map((await selectLines(tx, sheetId)).map((line) => [line.sku, line]));
    const changed = counts.flatMap(({ sku, counted }, place) => {
      const line = countable(lines.get(sku), sku, countId);
      const countedAt = times[place];
      if (line === null || countedAt === undefined) return [];
      return [{ productId: line.productId, counted, countedAt }];
    });
    if (changed.length > 0) {
      const { warehouseId } = sheet;
      await updateCounts(tx, { id: sheetId, warehouseId }, changed, { countId, actor });
    }
    return sheetIn(tx, sheetId);
  });
}

/** Null: this request has counted it already. */
function countable(line: LineRow | undefined, sku: string, countId: string): LineRow | null {
  if (!line) throw new AppError('UNKNOWN_SKU', `${sku} is not on this sheet.`);
  if (line.countId === countId) return null;
  if (line.status !== 'open' && line.status !== 'counted')
    throw new AppError('COUNT_NOT_OPEN', `${sku} was submitted: ask for a recount.`);
  return line;
}
