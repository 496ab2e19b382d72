import { z } from 'zod';
import { valueProduct, valueStock } from '../../domain/costing/valuation';
import { ok } from '../answer';
import type { ApiContext } from '../context';
import { API_BASE } from '../order-answers';
import { problem } from '../problems';
import { route, type Route } from '../route';
import { skuParams } from '../schemas/common';
import { productValuation, valuation, valuationMethod, valuationQuery } from '../schemas/valuation';

const TAG = 'Valuation';

export function valuationRoutes({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/valuation`,
        tag: TAG,
        summary: 'What the stock is worth, per currency',
        query: valuationQuery,
        answers: { 200: { description: 'The totals', schema: valuation } },
        problems: ['UNKNOWN_LOCATION', 'UNKNOWN_CATEGORY', 'VALIDATION_FAILED'],
      },
      async ({ query }) => ok(await valueStock(db, query)),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/valuation`,
        tag: TAG,
        summary: 'What a product on hand is worth, with its cost layers',
        params: skuParams,
        query: z.object({ method: valuationMethod }),
        answers: { 200: { description: 'The value', schema: productValuation } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const found = await valueProduct(db, params.sku, query.method);
        if (!found) throw problem('NOT_FOUND', 'There is no such product.');
        return ok(found);
      },
    ),
  ];
}
