import type { Database } from '../../platform/database/database';
import { findCategoryId } from '../catalog/categories';
import { findWarehouseId } from '../catalog/warehouses';
import { LONGEST_TAIL, readPeriodOf, withSums, type AnalyticsPeriod, type Standing } from './period';
import { selectStockouts, type StockoutRow } from './product-queries';

export interface StockoutsRequest extends Pick<AnalyticsPeriod, 'from' | 'to'> {
  /** Codes; only what is in this category, and at this warehouse. */
  category?: string | undefined;
  location?: string | undefined;
  /** Those of products after this SKU. */
  after?: string | undefined;
}

export interface Stockouts extends Standing {
  from: string;
  to: string;
  items: StockoutRow[];
  /** Where the next page begins; null: there are no more. */
  next: string | null;
}

/** Products of which a page looks at the stock: it has those of them that were sold out, which may be none. */
const PRODUCTS_LOOKED_AT = 500;

/**
 * Places at which a product was sold out in a period, in the order of the bytes of their SKUs: on how many days that have ended nothing of it
 * was available at their end, and since when, where it still is so. Days are those of UTC.
 *
 * @param products of which a page looks at the stock
 * @throws AppError as `inventoryAnalytics`
 */
export function stockouts(
  db: Database,
  { from, to, category, location, after = '' }: StockoutsRequest,
  products = PRODUCTS_LOOKED_AT,
): Promise<Stockouts> {
  return withSums(db, LONGEST_TAIL, async (tx, standing, place) => {
    const { asOf, stale } = standing;
    await readPeriodOf(tx, { from, to, tz: 'UTC' }, { asOf, place, onlyUtc: true });
    const today = asOf.slice(0, 'YYYY-MM-DD'.length);
    const { rows, looked, last } = await selectStockouts(tx, {
      categoryId: category === undefined ? null : await findCategoryId(tx, category),
      warehouseId: location === undefined ? null : await findWarehouseId(tx, location),
      from,
      to: to < today ? to : today,
      withTail: !stale,
      after,
      products,
    });
    return { from, to, ...standing, items: rows, next: looked === products ? last : null };
  });
}
