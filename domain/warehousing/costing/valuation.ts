import { csvLine } from '../../../platform/csv';
import type { Queryable } from '../../../platform/database/database';
import { findCategoryId } from '../../catalog/categories';
import { findWarehouseId } from '../../catalog/warehouses';
import { selectCost, selectReceived, selectTotals, selectValuedProducts, type Scope } from './queries';
import { fifoLayers, valueOfLayers } from './rules';
import type { ProductValuation, Valuation, ValuationMethod, ValuationRequest, ValuedProduct } from './types';

/** What all of a product on hand is worth, with its layers by FIFO. Null: no such product. */
export async function valueProduct(
  on: Queryable,
  sku: string,
  method: ValuationMethod,
): Promise<ProductValuation | null> {
  const cost = await selectCost(on, sku);
  if (!cost) return null;
  const { productId, onHand, currency, averageMinor } = cost;
  if (method === 'average') {
    return {
      sku,
      method,
      currency,
      onHand,
      valueMinor: Math.round(onHand * (averageMinor ?? 0)),
      uncosted: averageMinor === null ? onHand : 0,
      unitCostMinor: averageMinor,
    };
  }
  const layers = fifoLayers(await selectReceived(on, productId, onHand), onHand);
  const { valueMinor, costed } = valueOfLayers(layers);
  const unitCostMinor = costed === 0 ? null : valueMinor / costed;
  return { sku, method, currency, onHand, valueMinor, uncosted: onHand - costed, unitCostMinor, layers };
}

/**
 * What the stock is worth, per currency: of all locations or one, of all products or those of a category. Reads every receipt
 * of what is on hand: for reports, not for single requests.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_CATEGORY
 */
export async function valueStock(on: Queryable, request: ValuationRequest): Promise<Valuation> {
  const { method } = request;
  const rows = await selectTotals(on, method, await scopeOf(on, request));
  return {
    method,
    totals: rows.flatMap(({ currency, products, quantity, valueMinor }) =>
      currency === null ? [] : [{ currency, products, quantity, valueMinor }],
    ),
    uncosted: rows.reduce((sum, row) => sum + row.quantity - row.costed, 0),
  };
}

/**
 * The same product by product, in the order of their SKUs: those of which any is on hand. `next`: there are more after it.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_CATEGORY
 */
export async function listValuedProducts(
  on: Queryable,
  request: ValuationRequest,
  page: { after: string; limit: number; offset: number },
): Promise<{ items: ValuedProduct[]; next: string | null }> {
  const scope = await scopeOf(on, request);
  const found = await selectValuedProducts(on, request.method, scope, { ...page, limit: page.limit + 1 });
  const items = found.slice(0, page.limit);
  return { items, next: found.length > page.limit ? (items.at(-1)?.sku ?? null) : null };
}

const CSV_PAGE = 2_000;

/**
 * The whole report as CSV (RFC 4180), read page by page as it is taken: what sells meanwhile is missing from the later pages.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_CATEGORY before anything is written
 */
export async function valuationCsv(
  on: Queryable,
  request: ValuationRequest,
): Promise<AsyncGenerator<string>> {
  const scope = await scopeOf(on, request);
  return pagesOf(on, request.method, scope);
}

async function* pagesOf(on: Queryable, method: ValuationMethod, scope: Scope): AsyncGenerator<string> {
  yield csvLine(['sku', 'quantity', 'currency', 'value_minor', 'uncosted', 'unit_cost_minor']);
  let after = '';
  for (;;) {
    const page = await selectValuedProducts(on, method, scope, { after, limit: CSV_PAGE, offset: 0 });
    yield page
      .map(({ sku, quantity, currency, valueMinor, uncosted, unitCostMinor }) =>
        csvLine([sku, quantity, currency, valueMinor, uncosted, unitCostMinor]),
      )
      .join('');
    const last = page.at(-1);
    if (!last || page.length < CSV_PAGE) return;
    after = last.sku;
  }
}

async function scopeOf(on: Queryable, { location, category }: ValuationRequest): Promise<Scope> {
  return {
    warehouseId: location === undefined ? null : await findWarehouseId(on, location),
    categoryId: category === undefined ? null : await findCategoryId(on, category),
  };
}
