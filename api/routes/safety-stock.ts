import { readSafetyStock, setSafetyStock } from '../../domain/stock/safety-stock/safety-stock';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { skuParams } from '../schemas/common';
import { safetyStock, safetyStockChange } from '../schemas/stock';
import type { ApiContext } from '../services/context';

const TAG = 'Inventory';
const NO_PRODUCT = 'There is no such product.';

export function safetyStockRoutes(context: ApiContext): Route[] {
  const path = `${API_BASE}/inventory/{sku}/safety-stock`;
  return [
    route(
      {
        methods: ['get'],
        path,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'Units of a product that are not promised to customers, by location',
        params: skuParams,
        responses: { 200: { description: 'The safety stock in force', schema: safetyStock } },
      },
      async ({ params }) => okOrNotFound(await readSafetyStock(context.db, params.sku), NO_PRODUCT),
    ),
    route(
      {
        methods: ['put'],
        path,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary:
          'Set how many units are not promised to customers, at a location or at all without their own',
        description:
          'They are on hand and never available: no order, reservation or backorder gets them. What is promised already stays promised. ' +
          'Units that are not kept back any more go to waiting backorders at once. Transfers, counts, write-offs and quality holds may ' +
          'use them. Safe to repeat.',
        params: skuParams,
        body: safetyStockChange,
        responses: { 200: { description: 'The safety stock in force', schema: safetyStock } },
        problems: ['UNKNOWN_LOCATION', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller: actor }) => {
        await setSafetyStock(context, {
          actor,
          sku: params.sku,
          location: body.location ?? null,
          units: 'inherit' in body ? 'inherit' : body.units,
        }).catch(asNotFound('UNKNOWN_SKU', NO_PRODUCT));
        return okOrNotFound(await readSafetyStock(context.db, params.sku), NO_PRODUCT);
      },
    ),
  ];
}
