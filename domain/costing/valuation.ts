import type { Queryable } from '../../platform/database';
import { AppError } from '../../platform/errors';
import { selectWarehouseId } from '../inventory/queries';
import { selectCategoryId } from '../counting/queries';
import { selectAverageTotals, selectCost, selectFifoTotals, selectReceived } from './queries';
import { fifoLayers, worthOf } from './rules';
import type { ProductValuation, Valuation, ValuationMethod } from './types';

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
  const { valueMinor, costed } = worthOf(layers);
  const unitCostMinor = costed === 0 ? null : valueMinor / costed;
  return { sku, method, currency, onHand, valueMinor, uncosted: onHand - costed, unitCostMinor, layers };
}

/**
 * What the stock is worth, per currency: of all locations or one, of all products or those of a category. Reads every receipt
 * of what is on hand: a report, not a look.
 *
 * @throws UNKNOWN_LOCATION, UNKNOWN_CATEGORY
 */
export async function valueStock(
  on: Queryable,
  request: { method: ValuationMethod; location?: string | undefined; category?: string | undefined },
): Promise<Valuation> {
  const { method, location, category } = request;
  const warehouseId = location === undefined ? null : await selectWarehouseId(on, location);
  if (location !== undefined && warehouseId === null)
    throw new AppError('UNKNOWN_LOCATION', `There is no location ${location}.`);
  const found = category === undefined ? null : await selectCategoryId(on, category);
  if (category !== undefined && !found)
    throw new AppError('UNKNOWN_CATEGORY', `There is no category ${category}.`);
  const scope = { warehouseId, categoryId: found?.id ?? null };
  const rows = await (method === 'fifo' ? selectFifoTotals(on, scope) : selectAverageTotals(on, scope));
  return {
    method,
    totals: rows.flatMap(({ currency, products, quantity, valueMinor }) =>
      currency === null ? [] : [{ currency, products, quantity, valueMinor }],
    ),
    uncosted: rows.reduce((sum, row) => sum + row.quantity - row.costed, 0),
  };
}
