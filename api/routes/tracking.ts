import { z } from 'zod';
import { readTracking, setTracking } from '../../domain/stock/tracking/set-tracking';
import { listLotMovements, listLots, listSerials, readSerial } from '../../domain/stock/tracking/views';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { line, pageQuery, skuParams, warehouseCode } from '../schemas/common';
import {
  lotMovementPage,
  lots,
  serialHistory,
  serialPage,
  serialStatus,
  tracking,
  trackingBody,
} from '../schemas/tracking';
import type { ApiContext } from '../services/context';

const TAG = 'Lots and serial numbers';
const NO_PRODUCT = 'There is no such product.';

const positionQuery = { ...pageQuery, cursor: cursorOf(z.object({ id: z.int() })).optional() };

export function trackingRoutes(context: ApiContext): Route[] {
  return [...trackingChoice(context), ...lotRoutes(context), ...serialRoutes(context)];
}

function trackingChoice({ db }: ApiContext): Route[] {
  const path = `${API_BASE}/products/{sku}/tracking`;
  const responses = { 200: { description: 'What the product keeps', schema: tracking } };
  return [
    route(
      {
        methods: ['get'],
        path,
        tag: TAG,
        summary: 'What a product keeps beside counts',
        params: skuParams,
        responses,
      },
      async ({ params }) => {
        return okOrNotFound(await readTracking(db, params.sku), NO_PRODUCT);
      },
    ),
    route(
      {
        methods: ['put'],
        path,
        tag: TAG,
        summary: 'Keep a product by lot or by serial number, or no longer',
        description: 'Only while none of it is on hand.',
        params: skuParams,
        body: trackingBody,
        responses,
        problems: ['PRODUCT_HAS_STOCK', 'VALIDATION_FAILED'],
      },
      async ({ params, body }) => {
        if (!(await readTracking(db, params.sku))) throw notFound(NO_PRODUCT);
        return ok(await setTracking(db, { sku: params.sku, ...body }));
      },
    ),
  ];
}

function lotRoutes({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/lots`,
        tag: TAG,
        summary: 'Lots of a product that are on hand',
        params: skuParams,
        query: z.object({ location: warehouseCode.optional() }),
        responses: { 200: { description: 'The lots', schema: lots } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const items = await listLots(db, { sku: params.sku, ...query });
        return okOrNotFound(items && { sku: params.sku, items }, NO_PRODUCT);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/lots/{lot}/movements`,
        tag: TAG,
        summary: 'What became of a lot: what a recall asks',
        params: skuParams.extend({ lot: line(100) }),
        query: z.object(positionQuery),
        responses: { 200: { description: 'A page, oldest first', schema: lotMovementPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...page } }) => {
        const lot = { sku: params.sku, code: params.lot };
        return okPage(byId(await listLotMovements(db, lot, { ...page, after: cursor?.id })));
      },
    ),
  ];
}

function serialRoutes({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/serials`,
        tag: TAG,
        summary: 'Serial numbers of a product, oldest first',
        params: skuParams,
        query: z.object({
          ...positionQuery,
          status: serialStatus.optional(),
          location: warehouseCode.optional(),
        }),
        responses: { 200: { description: 'A page', schema: serialPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...filter } }) => {
        return okPage(byId(await listSerials(db, { sku: params.sku, ...filter, after: cursor?.id })));
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/serials/{serial}`,
        tag: TAG,
        summary: 'Where a serial number is, and what became of it',
        params: z.object({ serial: line(100) }),
        responses: { 200: { description: 'The unit of each product that has it', schema: serialHistory } },
      },
      async ({ params }) => {
        const items = await readSerial(db, params.serial);
        return okOrNotFound(items && { items }, 'There is no such serial number.');
      },
    ),
  ];
}

/** The cursor of these lists is an object, so that it may get more members. */
function byId<View>({ items, next }: { items: View[]; next: number | null }) {
  return { items, next: next === null ? null : { id: next } };
}
