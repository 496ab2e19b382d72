import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { pageIn, withoutMicros, type Page } from '../../../platform/database/pages';
import { recordChange } from '../../audit/record';
import { findCategoryId } from '../../catalog/categories';
import { findWarehouseId } from '../../catalog/warehouses';
import { findTracked } from '../../stock/tracking/tracking';
import {
  insertLines,
  insertSheet,
  selectSheet,
  selectSheetPage,
  type Selection,
  type SheetFilter,
} from './queries';
import type { NewSheet, SheetView } from './types';

/** A sheet is counted by people in a day, and approved in one transaction. */
export const MAX_SHEET_LINES = 5_000;

/**
 * Makes a sheet to count by, with what is on hand now. The same sheet again returns the first.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_SKU, UNKNOWN_CATEGORY; VALIDATION_FAILED when nothing, or too much, is to be counted
 */
export async function makeSheet(db: Database, sheet: NewSheet): Promise<SheetView> {
  const warehouseId = await findWarehouseId(db, sheet.location);
  const selection = await select(db, sheet);
  return db.retrying(async (tx) => {
    if (await insertSheet(tx, sheet, warehouseId)) {
      const made = await insertLines(tx, { id: sheet.sheetId, warehouseId }, selection, MAX_SHEET_LINES + 1);
      if (made === 0) throw new AppError('VALIDATION_FAILED', 'There is nothing to count.');
      if (made > MAX_SHEET_LINES)
        throw new AppError('VALIDATION_FAILED', `A sheet has at most ${MAX_SHEET_LINES} lines.`);
      await recordChange(tx, {
        actor: sheet.actor,
        action: 'count_sheet.made',
        subject: { type: 'count_sheet', id: sheet.sheetId },
        after: { location: sheet.location, lines: made },
      });
    }
    return sheetIn(tx, sheet.sheetId);
  });
}

async function select(db: Database, { skus, category }: NewSheet): Promise<Selection> {
  const selection: Selection = { productIds: null, categoryId: null };
  if (skus !== undefined) {
    const known = new Map((await findTracked(db, skus)).map((product) => [product.sku, product]));
    const unknown = skus.filter((sku) => !known.has(sku));
    if (unknown.length > 0) throw new AppError('UNKNOWN_SKU', `There is no product ${unknown.join(', ')}.`);
    selection.productIds = [...known.values()].map((product) => product.productId);
  }
  if (category !== undefined) selection.categoryId = await findCategoryId(db, category);
  return selection;
}

/** Null: no such sheet. */
export async function readSheet(on: Queryable, id: string): Promise<SheetView | null> {
  const found = await selectSheet(on, id);
  return found ? withoutMicros(found) : null;
}

/** The sheet of a transaction that works on it. */
export async function sheetIn(tx: Transaction, id: string): Promise<SheetView> {
  const sheet = await readSheet(tx, id);
  if (!sheet) throw new AppError('NOT_FOUND', 'There is no such count.');
  return sheet;
}

/** A page of sheets, newest first. */
export async function listSheets(db: Database, filter: SheetFilter): Promise<Page<SheetView>> {
  return pageIn(await selectSheetPage(db, filter), filter.limit, withoutMicros);
}
