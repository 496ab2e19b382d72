import { csvLine } from '../../../platform/csv';
import type { Queryable } from '../../../platform/database/database';
import { pagesOf } from '../../../platform/database/pages';
import { exact } from '../../../platform/exact';
import { checkAsOf } from '../../stock/availability/availability';
import { findCategoryId } from '../../catalog/categories';
import { findWarehouseId } from '../../catalog/warehouses';
import {
  selectProductWorth,
  selectReceived,
  selectTotals,
  selectValuedProducts,
  type Scope,
  type ValuedProductRow,
} from './queries';
import { fifoLayers, valueOfLayers } from './rules';
import type { ProductValuation, Valuation, ValuationMethod, ValuationRequest, ValuedProduct } from './types';

/**
 * What all of a product is worth, on hand and on its way between locations, with its layers by FIFO. Null: no such product.
 *
 * @param request.asOf as the ledger has it at this time, RFC 3339; now unless given
 * @throws what `checkAsOf` throws
 */
export async function valueProduct(
  on: Queryable,
  sku: string,
  { method, asOf }: Pick<ValuationRequest, 'method' | 'asOf'>,
): Promise<ProductValuation | null> {
  const then = asOf === undefined ? {} : await checkAsOf(on, asOf);
  const row = await selectProductWorth(on, sku, method, asOf ?? null);
  if (!row) return null;
  const { productId, onHand, inTransit, currency, unitCostMinor } = row;
  const owned = onHand + inTransit;
  const known = { sku, method, currency, onHand, inTransit, ...then };
  if (method === 'average') {
    const [valueMinor, uncosted] = [exact(row.valueMinor), exact(BigInt(owned) - BigInt(row.costed))];
    return { ...known, valueMinor, uncosted, unitCostMinor };
  }
  const layers = fifoLayers(await selectReceived(on, { productId, units: owned, asOf: asOf ?? null }), owned);
  const { value, costed } = valueOfLayers(layers);
  const average = costed === 0 ? null : Number(value) / costed;
  return { ...known, valueMinor: exact(value), uncosted: owned - costed, unitCostMinor: average, layers };
}

/**
 * What the stock is worth, per currency: of all locations, with what is on its way between them, or of one; of all products or those
 * of a category. Reads every receipt of what there is: for reports, not for single requests.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_CATEGORY; what `checkAsOf` throws
 */
export async function valueStock(on: Queryable, request: ValuationRequest): Promise<Valuation> {
  const { method, asOf, category } = request;
  const then: { asOf?: string; final?: boolean } = asOf === undefined ? {} : await checkAsOf(on, asOf);
  // Products are in the categories of today.
  if (then.final !== undefined && category !== undefined) then.final = false;
  const rows = await selectTotals(on, method, await scopeOf(on, request));
  return {
    method,
    totals: rows.flatMap(({ currency, products, quantity, valueMinor }) =>
      currency === null
        ? []
        : [{ currency, products, quantity: exact(quantity), valueMinor: exact(valueMinor) }],
    ),
    uncosted: exact(rows.reduce((sum, row) => sum + BigInt(row.quantity) - BigInt(row.costed), 0n)),
    ...then,
  };
}

/**
 * The same product by product, in the order of their SKUs: those of which there is any unit. `next`: there are more after it.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_CATEGORY; what `checkAsOf` throws
 */
export async function listValuedProducts(
  on: Queryable,
  request: ValuationRequest,
  page: { after: string; limit: number; offset: number },
): Promise<{ items: ValuedProduct[]; next: string | null }> {
  if (request.asOf !== undefined) await checkAsOf(on, request.asOf);
  const scope = await scopeOf(on, request);
  const found = await selectValuedProducts(on, request.method, scope, { ...page, limit: page.limit + 1 });
  const items = found.slice(0, page.limit).map(asValued);
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
  if (request.asOf !== undefined) await checkAsOf(on, request.asOf);
  const scope = await scopeOf(on, request);
  return csvOf(on, request.method, scope);
}

async function* csvOf(on: Queryable, method: ValuationMethod, scope: Scope): AsyncGenerator<string> {
  yield csvLine(['sku', 'quantity', 'currency', 'value_minor', 'uncosted', 'unit_cost_minor']);
  const read = (after?: ValuedProductRow) =>
    selectValuedProducts(on, method, scope, { after: after?.sku ?? '', limit: CSV_PAGE, offset: 0 });
  for await (const page of pagesOf(CSV_PAGE, read))
    yield page
      .map(({ sku, quantity, currency, valueMinor, uncosted, unitCostMinor }) =>
        csvLine([sku, quantity, currency, valueMinor, uncosted, unitCostMinor]),
      )
      .join('');
}

async function scopeOf(on: Queryable, { location, category, asOf }: ValuationRequest): Promise<Scope> {
  return {
    warehouseId: location === undefined ? null : await findWarehouseId(on, location),
    categoryId: category === undefined ? null : await findCategoryId(on, category),
    asOf: asOf ?? null,
  };
}

function asValued({ quantity, valueMinor, uncosted, ...rest }: ValuedProductRow): ValuedProduct {
  return { ...rest, quantity: exact(quantity), valueMinor: exact(valueMinor), uncosted: exact(uncosted) };
}
