import { z } from 'zod';
import {
  listValuedProducts,
  valueProduct,
  valueStock,
  valuationCsv,
} from '../../domain/warehousing/costing/valuation';
import { READ_INVENTORY } from '../http/access';
import { sendFile } from '../http/file-response';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asInvalidTime } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { skuParams } from '../schemas/common';
import {
  productValuation,
  valuation,
  valuationMethod,
  valuationQuery,
  valuedProductPage,
  valuedProductsQuery,
} from '../schemas/valuation';
import type { ApiContext } from '../services/context';

const TAG = 'Valuation';

export function valuationRoutes({ reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/valuation`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'What the stock is worth, per currency',
        query: valuationQuery,
        responses: { 200: { description: 'The totals', schema: valuation } },
        problems: ['UNKNOWN_LOCATION', 'UNKNOWN_CATEGORY', 'ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ query }) => ok(await valueStock(reports, query).catch(asInvalidTime)),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/valuation/products`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'What the stock is worth, product by product',
        description:
          'Products of which there is any unit, by SKU. With `Accept: text/csv` all of them, as a file.',
        query: valuedProductsQuery,
        responses: {
          200: {
            description: 'A page, or the file',
            content: { 'application/json': valuedProductPage, 'text/csv': z.string() },
          },
        },
        problems: ['UNKNOWN_LOCATION', 'UNKNOWN_CATEGORY', 'ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ query: { cursor, limit, offset, ...request }, req, res, signal }) => {
        if (req.accepts(['application/json', 'text/csv']) === 'text/csv') {
          const pieces = await valuationCsv(reports, request).catch(asInvalidTime);
          await sendFile(res, { mediaType: 'text/csv', name: 'valuation.csv', pieces }, signal);
          return null;
        }
        const page = await listValuedProducts(reports, request, {
          after: cursor?.sku ?? '',
          limit,
          offset,
        }).catch(asInvalidTime);
        return okPage({ ...page, next: page.next === null ? null : { sku: page.next } });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/valuation`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'What a product is worth, with its cost layers',
        description: 'All units, on hand and on their way between locations.',
        params: skuParams,
        query: z.object({ method: valuationMethod, asOf: valuationQuery.shape.asOf }),
        responses: { 200: { description: 'The value', schema: productValuation } },
        problems: ['ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const found = await valueProduct(reports, params.sku, query).catch(asInvalidTime);
        return okOrNotFound(found, 'There is no such product.');
      },
    ),
  ];
}
