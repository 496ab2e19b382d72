import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import type { Change } from '../../audit/types';
import { findCategoryId } from '../../catalog/categories';
import type { CategoryMove } from '../../catalog/types';
import { insertEmptyStock, lockStock, selectStockKey } from '../ledger/stock-ledger';
import type { StockKey } from '../ledger/types';
import {
  deleteProductDefault,
  lockDefaults,
  lockMovedRows,
  selectDefault,
  selectInherited,
  selectOutdatedForUpdate,
  selectProductsOfCategory,
  selectThresholds,
  updateThresholds,
  upsertDefault,
  type DefaultOwner,
  type ThresholdsRow,
} from './threshold-queries';
import type { Thresholds } from './types';

/** With 100 locations a product 5,000 rows are locked together at most. */
const PRODUCTS_PER_BATCH = 50;

/** Thresholds of a product: what it inherits, and what is in force at each of its locations. Null: no such product. */
export async function readThresholds(db: Database, sku: string): Promise<ThresholdsRow | null> {
  return (await selectThresholds(db, sku)) ?? null;
}

/**
 * Sets a product's thresholds at one location, or (without one) at every location that has none of its own, also those that
 * will get stock later. `inherit` gives up what was set there: the next wider default holds again. Alerts follow at once.
 *
 * @throws UNKNOWN_SKU, UNKNOWN_LOCATION
 */
export async function setThresholds(
  db: Database,
  request: { sku: string; location: string | null; thresholds: Thresholds | 'inherit'; actor: string },
): Promise<void> {
  const { sku, location, thresholds, actor } = request;
  const { productId, warehouseId } = await selectStockKey(db, sku, location ?? '');
  if (productId === null) throw new AppError('UNKNOWN_SKU', `There is no product ${sku}.`);
  if (location === null) {
    const product = { type: 'product', id: sku } as const;
    await changeDefault(db, { productId, categoryId: null }, { thresholds, subject: product, actor });
    await applyDefaults(db, [productId]);
    return;
  }
  if (warehouseId === null) throw new AppError('UNKNOWN_LOCATION', `There is no location ${location}.`);
  await setAtLocation(db, { productId, warehouseId }, { ...request, location });
}

/**
 * Sets what the products of a category inherit. Rows without thresholds of their own follow in batches before it returns; a
 * process that dies meanwhile leaves the rest with the old values until it is set again.
 *
 * @returns stock rows that were changed
 * @throws UNKNOWN_CATEGORY
 */
export async function setCategoryThresholds(
  db: Database,
  code: string,
  { actor, ...thresholds }: Thresholds & { actor: string },
): Promise<number> {
  const categoryId = await findCategoryId(db, code);
  const subject = { type: 'category', id: code } as const;
  await changeDefault(db, { productId: null, categoryId }, { thresholds, subject, actor });
  let changed = 0;
  for (let after = ''; ;) {
    const products = await selectProductsOfCategory(db, categoryId, after, PRODUCTS_PER_BATCH);
    changed += await applyDefaults(
      db,
      products.map((product) => product.id),
    );
    const last = products.at(-1);
    if (!last || products.length < PRODUCTS_PER_BATCH) return changed;
    after = last.sku;
  }
}

/**
 * Locks the stock rows whose thresholds change as their products go to other categories (a trigger does that), before the products are
 * locked. Whoever makes stock rows waits, since these inherit too.
 *
 * @param whole products all of whose rows are locked with them
 */
export async function lockMovedStock(
  tx: Transaction,
  moves: readonly CategoryMove[],
  whole: readonly number[] = [],
): Promise<void> {
  if (moves.length > 0) await lockDefaults(tx, 'alone');
  if (moves.length + whole.length > 0) await lockMovedRows(tx, moves, whole);
}

interface AtLocation {
  sku: string;
  location: string;
  thresholds: Thresholds | 'inherit';
  actor: string;
}

async function setAtLocation(
  db: Database,
  key: StockKey,
  { sku, location, thresholds, actor }: AtLocation,
): Promise<void> {
  await db.retrying(async (tx) => {
    await lockDefaults(tx, 'shared');
    await insertEmptyStock(tx, [key]);
    await lockStock(tx, [key]);
    const before = (await selectThresholds(tx, sku))?.locations.find((at) => at.warehouse === location);
    const inherited = { lowStock: 0, overstock: null, clearMargin: null };
    const values =
      thresholds === 'inherit' ? ((await selectInherited(tx, key.productId)) ?? inherited) : thresholds;
    const own = thresholds !== 'inherit';
    await updateThresholds(tx, [{ ...key, ...values }], own);
    await recordChange(tx, {
      actor,
      action: 'product.thresholds_set',
      subject: { type: 'product', id: sku },
      before: { [location]: before && { ...thresholdsOf(before), own: before.own } },
      after: { [location]: { ...thresholdsOf(values), own } },
    });
  });
}

async function changeDefault(
  db: Database,
  owner: DefaultOwner,
  {
    thresholds,
    subject,
    actor,
  }: { thresholds: Thresholds | 'inherit'; subject: Change['subject']; actor: string },
): Promise<void> {
  await db.retrying(async (tx) => {
    await lockDefaults(tx, 'alone');
    const before = await selectDefault(tx, owner);
    if (thresholds !== 'inherit') await upsertDefault(tx, owner, thresholds);
    else if (owner.productId !== null) await deleteProductDefault(tx, owner.productId);
    await recordChange(tx, {
      actor,
      action: `${subject.type}.thresholds_set`,
      subject,
      before: { ...before },
      after: thresholds === 'inherit' ? {} : { ...thresholds },
    });
  });
}

function applyDefaults(db: Database, productIds: readonly number[]): Promise<number> {
  return db.retrying(async (tx) => {
    await lockDefaults(tx, 'shared');
    const outdated = await selectOutdatedForUpdate(tx, productIds);
    return outdated.length === 0 ? 0 : updateThresholds(tx, outdated, false);
  });
}

function thresholdsOf({ lowStock, overstock, clearMargin }: Thresholds): Thresholds {
  return { lowStock, overstock, clearMargin };
}
