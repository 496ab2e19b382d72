import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { lockSheet, selectLines, updateSheet, type LineRow, type LockedSheet } from './queries';
import { sheetStatus } from './rules';
import { sheetIn } from './sheets';
import type { SheetView } from './types';

/** Runs a decision under the sheet's lock, and moves the sheet to where its lines then stand. */
export function onSheet(
  db: Database,
  sheetId: string,
  decide: (tx: Transaction, sheet: LockedSheet, lines: readonly LineRow[]) => Promise<boolean>,
): Promise<SheetView> {
  return db.retrying(async (tx) => {
    const sheet = await lockSheet(tx, sheetId);
    if (!sheet) throw new AppError('NOT_FOUND', 'There is no such count.');
    const before = await selectLines(tx, sheetId);
    const submitted = await decide(tx, sheet, before);
    const after = await selectLines(tx, sheetId);
    const status = sheetStatus(after);
    if (submitted || status !== sheetStatus(before)) await updateSheet(tx, sheetId, { status, submitted });
    return sheetIn(tx, sheetId);
  });
}
