import type { Transaction } from '../../platform/database/database';
import type { AppError } from '../../platform/errors';
import { findCategories, findSkus } from '../catalog/bulk-products';
import type { FoundSku } from '../catalog/types';
import { lockDefaults } from '../stock/alerts/alerts';
import { lockMovedStock } from '../stock/alerts/thresholds';
import { makeAllStock, trackingRefusal } from '../stock/tracking/set-tracking';
import type { StagedRow } from './queries';
import type { GivenFields } from './types';

export interface FollowingStock {
  /** The category that a product goes to, by its id; null: none. */
  moves: ReadonlyMap<number, number | null>;
  /** By product: why its tracking cannot change, or null where it can. Of those whose rows say another one than they have. */
  refusals: ReadonlyMap<number, AppError | null>;
}

/**
 * Locks the stock that follows what rows change of its products, all of it in the one lock order: all rows of those whose tracking is to
 * change, and of those that go to another category the rows that follow its thresholds.
 */
export async function lockFollowingStock(
  tx: Transaction,
  rows: readonly StagedRow[],
): Promise<FollowingStock> {
  const wanted = new Map(
    rows.flatMap(({ sku, fields }) =>
      fields.tracking !== undefined || fields.category !== undefined ? [[sku, fields] as const] : [],
    ),
  );
  const found = wanted.size === 0 ? [] : await findSkus(tx, [...wanted.keys()]);
  const moves = await movesOf(tx, found, wanted);
  const switched = found
    .flatMap(({ given, id, lots, serials }) => {
      const tracking = wanted.get(given)?.tracking;
      const isSame = !tracking || (tracking.lots === lots && tracking.serials === serials);
      return id === null || isSame ? [] : [{ productId: id, sku: given }];
    })
    .sort((a, b) => a.productId - b.productId);
  const refusals = new Map<number, AppError | null>();
  if (moves.size + switched.length === 0) return { moves, refusals };
  // Before any stock: whoever makes rows of it takes this lock, too.
  await lockDefaults(tx, moves.size > 0 ? 'alone' : 'shared');
  const whole = switched.map(({ productId }) => productId);
  await makeAllStock(tx, whole);
  await lockMovedStock(
    tx,
    [...moves].map(([productId, categoryId]) => ({ productId, categoryId })),
    whole,
  );
  for (const product of switched) refusals.set(product.productId, await trackingRefusal(tx, product));
  return { moves, refusals };
}

async function movesOf(
  tx: Transaction,
  found: readonly FoundSku[],
  wanted: ReadonlyMap<string, GivenFields>,
): Promise<Map<number, number | null>> {
  const codes = [...wanted.values()].flatMap(({ category }) => category ?? []);
  const categoryOf = await findCategories(tx, [...new Set(codes)]);
  const moves = new Map<number, number | null>();
  for (const { given, id, categoryId } of found) {
    const code = wanted.get(given)?.category;
    if (id === null || code === undefined) continue;
    const to = code === null ? null : categoryOf(code)?.id;
    // Undefined: there is none, and the row is rejected.
    if (to !== undefined && to !== categoryId) moves.set(id, to);
  }
  return moves;
}
