import { z } from 'zod';
import { acknowledgeAlert, listAlerts } from '../../domain/stock/alerts/list';
import { readThresholds, setCategoryThresholds, setThresholds } from '../../domain/stock/alerts/thresholds';
import { isAppError } from '../../platform/errors';
import { ok, type Answer } from '../http/answer';
import type { ApiContext } from '../context';
import { cursorOf, encodeCursor } from '../http/cursor';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
import { route, type Route } from '../http/route';
import {
  acknowledgement,
  alert,
  alertKind,
  alertPage,
  alertStatus,
  categoryThresholds,
  categoryThresholdsSet,
  thresholds,
  thresholdsChange,
} from '../schemas/alerts';
import { idParams, line, pageQuery, sku, skuParams, warehouseCode } from '../schemas/common';

const TAG = 'Alerts';

const listQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.uuid()).optional(),
  status: alertStatus.optional(),
  kind: alertKind.optional(),
  sku: sku.optional(),
  location: warehouseCode.optional(),
});

export function alertRoutes({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/alerts`,
        tag: TAG,
        summary: 'List alerts, newest first',
        query: listQuery,
        answers: { 200: { description: 'A page', schema: alertPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listAlerts(db, { ...filter, after: cursor });
        return ok({ items: page.items, nextCursor: page.next && encodeCursor(page.next) });
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/alerts/{id}/acknowledge`,
        tag: TAG,
        summary: 'Say that somebody looks after an alert',
        description:
          'Safe to repeat: who was first stays. The alert is resolved by itself when its cause is gone.',
        params: idParams,
        body: acknowledgement,
        bodyOptional: true,
        answers: { 200: { description: 'The alert', schema: alert } },
        problems: ['ALERT_RESOLVED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const found = await acknowledgeAlert(db, { id: params.id, by: caller, note: body.note ?? null });
        if (!found) throw problem('NOT_FOUND', 'There is no such alert.');
        return ok(found);
      },
    ),
    ...thresholdRoutes(db),
  ];
}

function thresholdRoutes(db: ApiContext['db']): Route[] {
  async function thresholdsOf(of: string): Promise<Answer> {
    const found = await readThresholds(db, of);
    if (!found) throw problem('NOT_FOUND', 'There is no such product.');
    return ok(found);
  }

  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/thresholds`,
        tag: TAG,
        summary: 'When the stock of a product is low, or too much, by location',
        params: skuParams,
        answers: { 200: { description: 'The thresholds in force', schema: thresholds } },
      },
      ({ params }) => thresholdsOf(params.sku),
    ),
    route(
      {
        methods: ['put'],
        path: `${API_BASE}/inventory/{sku}/thresholds`,
        tag: TAG,
        summary: "Set a product's thresholds at a location, or at all that have none of their own",
        description: 'Alerts are raised and resolved at once by the new values.',
        params: skuParams,
        body: thresholdsChange,
        answers: { 200: { description: 'The thresholds in force', schema: thresholds } },
        problems: ['UNKNOWN_LOCATION', 'VALIDATION_FAILED'],
      },
      async ({ params, body }) => {
        await setThresholds(db, {
          sku: params.sku,
          location: body.location ?? null,
          thresholds: 'inherit' in body ? 'inherit' : { lowStock: body.lowStock, overstock: body.overstock },
        }).catch(asNotFound('UNKNOWN_SKU', 'There is no such product.'));
        return thresholdsOf(params.sku);
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${API_BASE}/categories/{code}/thresholds`,
        tag: TAG,
        summary: "Set what a category's products inherit",
        description:
          'Locations without thresholds of their own follow, also those that get stock later. Safe to repeat.',
        params: z.object({ code: line(100) }),
        body: categoryThresholds,
        answers: {
          200: { description: 'The default, and how much it changed', schema: categoryThresholdsSet },
        },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, body }) => {
        const changed = await setCategoryThresholds(db, params.code, body).catch(
          asNotFound('UNKNOWN_CATEGORY', 'There is no such category.'),
        );
        return ok({ category: params.code, ...body, changed });
      },
    ),
  ];
}

/** What is named in the address and is not there is a thing that does not exist. */
function asNotFound(code: string, detail: string): (error: unknown) => never {
  return (error) => {
    throw isAppError(error, code) ? problem('NOT_FOUND', detail) : error;
  };
}
