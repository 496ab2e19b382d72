import { z } from 'zod';
import {
  createCategory,
  listCategories,
  readCategory,
  updateCategory,
  setCategoryArchived,
} from '../../domain/catalog/edit-categories';
import { createProduct, setProductActive, updateProduct } from '../../domain/catalog/edit-products';
import { createWarehouse, readWarehouse, updateWarehouse } from '../../domain/catalog/edit-warehouses';
import { listProducts, readProduct } from '../../domain/catalog/products';
import type { Versioned, Warehouse } from '../../domain/catalog/types';
import { statusOf } from '../../domain/catalog/warehouse-state';
import { listWarehouses } from '../../domain/catalog/warehouses';
import { lockMovedStock } from '../../domain/stock/alerts/thresholds';
import { CHANGE_CATALOGUE, PUBLIC, READ_CATALOGUE } from '../http/access';
import { compareBytes, cursorOf } from '../http/cursor';
import { ifMatchHeader, seenVersions, tagged } from '../http/entity-tag';
import { okPage, pageIn } from '../http/pages';
import { API_BASE } from '../http/paths';
import { notFound, type ProblemCode } from '../http/problems';
import type { ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import {
  category,
  categoryPage,
  categoryUpdate,
  newCategory,
  newProduct,
  newWarehouse,
  productUpdate,
  warehouseUpdate,
} from '../schemas/catalogue';
import { cursorName, flag, line, name, pageQuery, skuParams, warehouseCode } from '../schemas/common';
import { product, productPage, warehouse, warehousePage } from '../schemas/stock';
import type { ApiContext } from '../services/context';
import { onReports } from '../services/searches';

const TAG = 'Catalogue';

const minor = z
  .string()
  .regex(/^\d{1,13}$/, 'must be a whole number of minor units')
  .transform(Number);

const productQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ sku: cursorName })).optional(),
  category: name(50).optional().meta({ description: 'Code of a category' }),
  q: line(100).optional().meta({ description: 'Part of a SKU or name, in any case' }),
  minPriceMinor: minor.optional(),
  maxPriceMinor: minor.optional(),
  currency: line(3).optional().meta({ description: 'ISO 4217' }),
  available: flag
    .optional()
    .meta({ description: 'Only products of which something can be ordered now, or only the others' }),
  archived: flag.optional().meta({ description: 'Those that are no longer sold instead' }),
});

const codeQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ code: cursorName })).optional(),
});

const categoryQuery = codeQuery.extend({
  archived: flag.optional().meta({ description: 'Those that take no further product instead' }),
});

const codeParams = z.object({ code: warehouseCode });
const categoryParams = z.object({ code: name(50) });

const CREATE_PROBLEMS = [
  'DUPLICATE_NAME',
  'IDEMPOTENCY_IN_FLIGHT',
  'IDEMPOTENCY_KEY_REUSED',
  'VALIDATION_FAILED',
] as const satisfies readonly ProblemCode[];
const UPDATE_PROBLEMS = [
  'PRECONDITION_FAILED',
  'PRECONDITION_REQUIRED',
  'VALIDATION_FAILED',
] as const satisfies readonly ProblemCode[];

export function catalogueRoutes(context: ApiContext): Route[] {
  return [...productRoutes(context), ...warehouseRoutes(context), ...categoryRoutes(context)];
}

function productRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const path = `${API_BASE}/products`;
  const one = { description: 'The product, with its `ETag`', schema: product };
  return [
    route(
      {
        methods: ['get'],
        path,
        access: PUBLIC,
        tag: TAG,
        summary: 'List products, by SKU',
        limit: 'reports',
        query: productQuery,
        responses: { 200: { description: 'A page', schema: productPage } },
        problems: ['VALIDATION_FAILED', 'OVERLOADED'],
      },
      async ({ query: { cursor, ...filter }, principal, signal }) => {
        const page = await onReports(context, { principal, signal }, (reports) =>
          listProducts(reports, { ...filter, after: cursor?.sku }),
        );
        return okPage({ ...page, next: page.next === null ? null : { sku: page.next } });
      },
    ),
    route(
      {
        methods: ['post'],
        path,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Add a product',
        description:
          'A SKU that differs from another only by capitals is refused, as is one with characters that people could not tell from others.',
        keyed: true,
        body: newProduct,
        responses: { 201: one },
        problems: [...CREATE_PROBLEMS, 'UNKNOWN_CATEGORY', 'UNKNOWN_MERCHANT', 'SKU_UNCLEAR'],
      },
      (call) =>
        runOnce(context, call, 'POST /products', async () => {
          const { sku, ...fields } = call.body;
          const isRepeat = call.idempotencyKey !== null;
          return created(await createProduct(db, sku, fields, { isRepeat, actor: call.caller }), path, sku);
        }),
    ),
    route(
      {
        methods: ['get'],
        path: `${path}/{sku}`,
        access: PUBLIC,
        tag: TAG,
        summary: 'A product',
        params: skuParams,
        responses: { 200: one },
      },
      async ({ params }) => okTagged(await readProduct(db, params.sku), 'There is no such product.'),
    ),
    route(
      {
        methods: ['put'],
        path: `${path}/{sku}`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Change a product',
        description: 'What was ordered keeps its price, currency and merchant.',
        headers: ifMatchHeader,
        params: skuParams,
        body: productUpdate,
        responses: { 200: one },
        problems: [...UPDATE_PROBLEMS, 'UNKNOWN_CATEGORY', 'UNKNOWN_MERCHANT'],
      },
      async ({ params, body, req, caller: actor }) => {
        const seen = seenVersions(req.get('if-match'));
        const editing = { db, lockMovedStock };
        return tagged(200, await updateProduct(editing, params.sku, body, { seen, actor }));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${path}/{sku}/archive`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Take a product out of sale',
        description:
          'It cannot be ordered any more (`UNKNOWN_SKU`). Its stock and what is ordered of it stay. Again, it changes nothing.',
        params: skuParams,
        responses: { 200: one },
      },
      async ({ params, caller: actor }) =>
        tagged(200, await setProductActive(db, { ...params, active: false, actor })),
    ),
    route(
      {
        methods: ['post'],
        path: `${path}/{sku}/restore`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Put an archived product on sale again',
        description: 'Again, it changes nothing.',
        params: skuParams,
        responses: { 200: one },
      },
      async ({ params, caller: actor }) =>
        tagged(200, await setProductActive(db, { ...params, active: true, actor })),
    ),
  ];
}

function warehouseRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const path = `${API_BASE}/warehouses`;
  const one = { description: 'The warehouse, with its `ETag`', schema: warehouse };
  return [
    route(
      {
        methods: ['get'],
        path,
        access: READ_CATALOGUE,
        tag: TAG,
        summary: 'List warehouses, by code',
        query: codeQuery,
        responses: { 200: { description: 'A page', schema: warehousePage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { limit, offset, cursor } }) => {
        // There are few, and the statement reads them all for the planner anyway.
        const all = (await listWarehouses(db)).map(shownWarehouse);
        const rest = all
          .filter(({ code }) => cursor === undefined || compareBytes(code, cursor.code) > 0)
          .slice(offset);
        return okPage(pageIn(rest, limit, ({ code }) => ({ code })));
      },
    ),
    route(
      {
        methods: ['post'],
        path,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Add a warehouse, which is open',
        description: 'A code that differs from another only by capitals is refused.',
        keyed: true,
        body: newWarehouse,
        responses: { 201: one },
        problems: CREATE_PROBLEMS,
      },
      (call) =>
        runOnce(context, call, 'POST /warehouses', async () => {
          const { code, ...fields } = call.body;
          const isRepeat = call.idempotencyKey !== null;
          const made = await createWarehouse(db, code, fields, { isRepeat, actor: call.caller });
          return created(shownVersion(made), path, code);
        }),
    ),
    route(
      {
        methods: ['get'],
        path: `${path}/{code}`,
        access: READ_CATALOGUE,
        tag: TAG,
        summary: 'A warehouse',
        params: codeParams,
        responses: { 200: one },
      },
      async ({ params }) => {
        const found = await readWarehouse(db, params.code);
        return okTagged(found && shownVersion(found), 'There is no such warehouse.');
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${path}/{code}`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Change a warehouse',
        description: 'It is closed and opened by `/close` and `/open`.',
        headers: ifMatchHeader,
        params: codeParams,
        body: warehouseUpdate,
        responses: { 200: one },
        problems: UPDATE_PROBLEMS,
      },
      async ({ params, body, req, caller: actor }) => {
        const seen = seenVersions(req.get('if-match'));
        return tagged(200, shownVersion(await updateWarehouse(db, params.code, body, { seen, actor })));
      },
    ),
  ];
}

function categoryRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const path = `${API_BASE}/categories`;
  const one = { description: 'The category, with its `ETag`', schema: category };
  return [
    route(
      {
        methods: ['get'],
        path,
        access: READ_CATALOGUE,
        tag: TAG,
        summary: 'List categories, by code',
        query: categoryQuery,
        responses: { 200: { description: 'A page', schema: categoryPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listCategories(db, { ...filter, after: cursor?.code });
        return okPage({ ...page, next: page.next === null ? null : { code: page.next } });
      },
    ),
    route(
      {
        methods: ['post'],
        path,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Add a category',
        description: 'A code that differs from another only by capitals is refused.',
        keyed: true,
        body: newCategory,
        responses: { 201: one },
        problems: CREATE_PROBLEMS,
      },
      (call) =>
        runOnce(context, call, 'POST /categories', async () => {
          const { code, name: title } = call.body;
          const isRepeat = call.idempotencyKey !== null;
          return created(await createCategory(db, code, title, { isRepeat, actor: call.caller }), path, code);
        }),
    ),
    route(
      {
        methods: ['get'],
        path: `${path}/{code}`,
        access: READ_CATALOGUE,
        tag: TAG,
        summary: 'A category',
        params: categoryParams,
        responses: { 200: one },
      },
      async ({ params }) => okTagged(await readCategory(db, params.code), 'There is no such category.'),
    ),
    route(
      {
        methods: ['put'],
        path: `${path}/{code}`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Change a category',
        headers: ifMatchHeader,
        params: categoryParams,
        body: categoryUpdate,
        responses: { 200: one },
        problems: UPDATE_PROBLEMS,
      },
      async ({ params, body, req, caller: actor }) => {
        const seen = seenVersions(req.get('if-match'));
        return tagged(200, await updateCategory(db, params.code, body.name, { seen, actor }));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${path}/{code}/archive`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Let a category take no further product',
        description: 'Those that are in it stay. Again, it changes nothing.',
        params: categoryParams,
        responses: { 200: one },
      },
      async ({ params, caller: actor }) =>
        tagged(200, await setCategoryArchived(db, { ...params, archived: true, actor })),
    ),
    route(
      {
        methods: ['post'],
        path: `${path}/{code}/restore`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Let an archived category take products again',
        description: 'Again, it changes nothing.',
        params: categoryParams,
        responses: { 200: one },
      },
      async ({ params, caller: actor }) =>
        tagged(200, await setCategoryArchived(db, { ...params, archived: false, actor })),
    ),
  ];
}

/** 201 with what was made, its address and its `ETag`. */
function created(made: Versioned<object>, path: string, called: string): ApiResponse {
  const { headers, ...response } = tagged(201, made);
  return { ...response, headers: { ...headers, location: `${path}/${encodeURIComponent(called)}` } };
}

function okTagged(found: Versioned<object> | null, detail: string): ApiResponse {
  if (!found) throw notFound(detail);
  return tagged(200, found);
}

function shownWarehouse({ id: _id, opening, ...shown }: Warehouse) {
  return { ...shown, status: statusOf({ active: shown.active, opening }) };
}

function shownVersion({ version, ...shown }: Versioned<Warehouse>): Versioned<object> {
  return { ...shownWarehouse(shown), version };
}
