import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockSheet, selectLines, updateCounts, type LineRow } from './queries';
import { sheetIn } from './sheets';
import type { SheetView } from './types';

/**
 * Records what was found of products of a sheet, and against what: the sheet's snapshot and what the ledger moved since. A
 * line may be counted again until it is submitted; the number that it has already is a repeated request, and changes nothing
 * even if stock moved meanwhile.
 *
 * @throws NOT_FOUND; UNKNOWN_SKU for a product that is not on the sheet; COUNT_NOT_OPEN for a line that was submitted
 */
export function countLines(
  db: Database,
  sheetId: string,
  counts: readonly { sku: string; counted: number }[],
  actor: string,
): Promise<SheetView> {
  return db.retrying(async (tx) => {
    const sheet = await lockSheet(tx, sheetId);
    if (!sheet) throw new AppError('NOT_FOUND', 'There is no such count.');
    const lines = new Map((await selectLines(tx, sheetId)).map((line) => [line.sku, line]));
    const wanted = new Map(counts.map(({ sku, counted }) => [sku, counted]));
    const changed = [...wanted].flatMap(([sku, counted]) => {
      const { productId, counted: before } = countable(lines.get(sku), sku);
      return before === counted ? [] : [{ productId, counted }];
    });
    if (changed.length > 0)
      await updateCounts(tx, { id: sheetId, warehouseId: sheet.warehouseId }, changed, actor);
    return sheetIn(tx, sheetId);
  });
}

function countable(line: LineRow | undefined, sku: string): LineRow {
  if (!line) throw new AppError('UNKNOWN_SKU', `${sku} is not on this sheet.`);
  if (line.status !== 'open' && line.status !== 'counted')
    throw new AppError('COUNT_NOT_OPEN', `${sku} was submitted: ask for a recount.`);
  return line;
}
