import { z } from 'zod';
import { readTracking, setTracking } from '../../domain/stock/tracking/set-tracking';
import { listLotMovements, listLots, listSerials, readSerial } from '../../domain/stock/tracking/tracking';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { cursorOf, encodeCursor } from '../http/cursor';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
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

const TAG = 'Lots and serial numbers';

const positionQuery = { ...pageQuery, cursor: cursorOf(z.object({ id: z.int() })).optional() };

export function trackingRoutes(context: ApiContext): Route[] {
  return [...trackingChoice(context), ...lotRoutes(context), ...serialRoutes(context)];
}

function trackingChoice({ db }: ApiContext): Route[] {
  const path = `${API_BASE}/products/{sku}/tracking`;
  const answers = { 200: { description: 'What the product keeps', schema: tracking } };
  return [
    route(
      {
        methods: ['get'],
        path,
        tag: TAG,
        summary: 'What a product keeps beside counts',
        params: skuParams,
        answers,
      },
      async ({ params }) => {
        const found = await readTracking(db, params.sku);
        if (!found) throw noSuchProduct();
        return ok(found);
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
        answers,
        problems: ['PRODUCT_HAS_STOCK', 'VALIDATION_FAILED'],
      },
      async ({ params, body }) => {
        if (!(await readTracking(db, params.sku))) throw noSuchProduct();
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
        answers: { 200: { description: 'The lots', schema: lots } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        if (!(await readTracking(db, params.sku))) throw noSuchProduct();
        return ok({ sku: params.sku, items: await listLots(db, params.sku, query.location ?? null) });
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
        answers: { 200: { description: 'A page, oldest first', schema: lotMovementPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, limit, offset } }) => {
        const page = { after: cursor?.id ?? 0, limit: limit + 1, offset };
        return ok(paged(await listLotMovements(db, { sku: params.sku, code: params.lot }, page), limit));
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
        answers: { 200: { description: 'A page', schema: serialPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...filter } }) => {
        const found = await listSerials(db, { sku: params.sku, ...filter, after: cursor?.id });
        return ok(paged(found, filter.limit));
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/serials/{serial}`,
        tag: TAG,
        summary: 'Where a serial number is, and what became of it',
        params: z.object({ serial: line(100) }),
        answers: { 200: { description: 'The unit of each product that has it', schema: serialHistory } },
      },
      async ({ params }) => {
        const items = await readSerial(db, params.serial);
        if (items.length === 0) throw problem('NOT_FOUND', 'There is no such serial number.');
        return ok({ items });
      },
    ),
  ];
}

function paged<Row extends { id: number }>(found: readonly Row[], limit: number) {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(({ id: _, ...view }) => view),
    nextCursor: found.length > limit && last ? encodeCursor({ id: last.id }) : null,
  };
}

function noSuchProduct(): Error {
  return problem('NOT_FOUND', 'There is no such product.');
}
