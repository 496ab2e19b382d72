import { z } from 'zod';
import { listProducts, readProduct } from '../../domain/catalog/products';
import type { Warehouse } from '../../domain/catalog/types';
import { statusOf } from '../../domain/catalog/warehouse-state';
import { listWarehouses } from '../../domain/catalog/warehouses';
import { cursorOf } from '../http/cursor';
import { okPage, pageIn } from '../http/pages';
import { API_BASE } from '../http/paths';
import { okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { line, pageQuery, sku, skuParams } from '../schemas/common';
import { product, productPage, warehousePage } from '../schemas/stock';
import type { ApiContext } from '../services/context';

const TAG = 'Catalogue';

const productQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ sku })).optional(),
  category: line(100).optional().meta({ description: 'Code of a category' }),
  q: line(100).optional().meta({ description: 'Part of a SKU or name, in any case' }),
});

const warehouseQuery = z.strictObject({
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
        responses: { 200: { description: 'A page', schema: productPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listProducts(db, { ...filter, after: cursor?.sku });
        return okPage({ ...page, next: page.next === null ? null : { sku: page.next } });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/products/{sku}`,
        tag: TAG,
        summary: 'A product',
        params: skuParams,
        responses: { 200: { description: 'The product', schema: product } },
      },
      async ({ params }) => {
        return okOrNotFound(await readProduct(db, params.sku), 'There is no such product.');
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/warehouses`,
        tag: TAG,
        summary: 'List warehouses, by code',
        query: warehouseQuery,
        responses: { 200: { description: 'A page', schema: warehousePage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { limit, offset, cursor } }) => {
        // There are few, and the statement reads them all for the planner anyway.
        const all = (await listWarehouses(db)).map(shownWarehouse);
        const rest = all.filter(({ code }) => cursor === undefined || code > cursor.code).slice(offset);
        return okPage(pageIn(rest, limit, ({ code }) => ({ code })));
      },
    ),
  ];
}

function shownWarehouse({ id: _id, opening, ...shown }: Warehouse) {
  return { ...shown, status: statusOf({ active: shown.active, opening }) };
}
