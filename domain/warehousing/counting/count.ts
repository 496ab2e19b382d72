import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import { effectiveTimes } from '../../stock/ledger/effective-time';
import { readKnownUnits, recordOf } from './counted-units';
import { lockSheet, selectLines, updateCounts, type CountToRecord, type LineRow } from './queries';
import { sheetIn } from './sheets';
import type { Counted, SheetView } from './types';
import { resetLots, writeUnits } from './unit-queries';

export interface CountRequest {
  sheetId: string;
  counts: readonly Counted[];
  actor: string;
  /** The same id is the same request: sent again, it counts nothing anew. Another with the same numbers is another count. */
  countId: string;
}

/**
 * Records what was found of products of a sheet as of a time, against what the ledger says was on hand then. A line may be counted
 * again until it is submitted. Of a product that is kept by lot each lot is counted, of one with serial numbers those that are there are
 * read off.
 *
 * @throws what `recordOf` throws; NOT_FOUND; UNKNOWN_SKU for a product that is not on the sheet; COUNT_NOT_OPEN for a line that
 *   was submitted; what `effectiveTime` throws
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
    const { warehouseId } = sheet;
    const wanted = counts.flatMap((one, at) => {
      const line = countable(lines.get(one.sku), one.sku, countId);
      const asOf = times[at];
      if (line === null || asOf === undefined) return [];
      const { productId, lotTracked, serialised } = line;
      return [{ line, count: one, place: { productId, warehouseId, asOf, lotTracked, serialised } }];
    });
    if (wanted.length > 0) {
      const known = await readKnownUnits(
        tx,
        wanted.map(({ place }) => place),
      );
      const changed: CountToRecord[] = [];
      for (const one of wanted) changed.push(await recordOf(tx, one, known));
      await updateCounts(tx, { id: sheetId, warehouseId }, changed, { countId, actor });
      await resetLots(
        tx,
        sheetId,
        wanted.filter(({ line }) => line.lotTracked).map(({ line }) => line.productId),
      );
      await writeUnits(tx, sheetId, changed);
      await recordChange(tx, {
        actor,
        action: 'count_sheet.counted',
        subject: { type: 'count_sheet', id: sheetId },
        after: Object.fromEntries(wanted.map(({ line }, at) => [line.sku, changed[at]?.counted])),
      });
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
