import { z } from 'zod';
import { listProducts, readProduct } from '../../domain/catalog/products';
import { listWarehouses } from '../../domain/catalog/warehouses';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { cursorOf, encodeCursor } from '../http/cursor';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { line, pageQuery, sku, skuParams } from '../schemas/common';
import { product, productPage, warehousePage } from '../schemas/stock';

const TAG = 'Catalogue';

const productQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.object({ sku })).optional(),
  category: line(100).optional().meta({ description: 'Code of a category' }),
  q: line(100).optional().meta({ description: 'Part of a SKU or name, in any case' }),
});

const warehouseQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.object({ code: z.string() })).optional(),
});

export function catalogueRoutes({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/products`,
        tag: TAG,
        summary: 'List products, by SKU',
        query: productQuery,
        answers: { 200: { description: 'A page', schema: productPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listProducts(db, { ...filter, after: cursor?.sku });
        return ok({
          items: page.items,
          nextCursor: page.next === null ? null : encodeCursor({ sku: page.next }),
        });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/products/{sku}`,
        tag: TAG,
        summary: 'A product',
        params: skuParams,
        answers: { 200: { description: 'The product', schema: product } },
      },
      async ({ params }) => {
        const found = await readProduct(db, params.sku);
        if (!found) throw problem('NOT_FOUND', 'There is no such product.');
        return ok(found);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/warehouses`,
        tag: TAG,
        summary: 'List warehouses, by code',
        query: warehouseQuery,
        answers: { 200: { description: 'A page', schema: warehousePage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { limit, offset, cursor } }) => {
        // There are few, and the statement reads them all for the planner anyway.
        const all = (await listWarehouses(db)).map(({ id: _id, ...shown }) => shown);
        const rest = all.filter(({ code }) => cursor === undefined || code > cursor.code).slice(offset);
        const items = rest.slice(0, limit);
        const last = items.at(-1);
        return ok({
          items,
          nextCursor: rest.length > limit && last ? encodeCursor({ code: last.code }) : null,
        });
      },
    ),
  ];
}
