import { z } from 'zod';
import { endAttention } from '../../domain/orders/attention';
import { ATTENTION } from '../../domain/orders/types';
import { acknowledgeAlert, listAffected, listAlerts } from '../../domain/stock/alerts/list';
import type { Thresholds } from '../../domain/stock/alerts/types';
import { readThresholds, setCategoryThresholds, setThresholds } from '../../domain/stock/alerts/thresholds';
import { CHANGE_INVENTORY, OPERATORS, READ_INVENTORY } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound, notFound } from '../http/problems';
import { ok, type ApiResponse, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import {
  acknowledgement,
  affectedPage,
  alert,
  alertKind,
  alertPage,
  alertResolution,
  alertStatus,
  categoryThresholds,
  categoryThresholdsSet,
  thresholds,
  thresholdsChange,
} from '../schemas/alerts';
import { attentionKind } from '../schemas/orders';
import { idParams, line, pageQuery, sku, skuParams, warehouseCode } from '../schemas/common';
import type { ApiContext } from '../services/context';

const TAG = 'Alerts';
/** A place in a list that is kept in the order of whole numbers. */
const position = z.string().regex(/^\d{1,18}$/);
const ENDED_BY_HAND = Object.entries(ATTENTION)
  .flatMap(([reason, kind]) => ('byHand' in kind ? [`\`${reason}\``] : []))
  .join(' or ');

const listQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.uuid()).optional(),
  status: alertStatus.optional(),
  kind: alertKind.optional(),
  sku: sku.optional(),
  location: warehouseCode.optional(),
  reason: attentionKind.optional().meta({ description: 'For which an order needs a person' }),
  orderId: z.uuid().optional(),
});

export function alertRoutes({ db, reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/alerts`,
        access: OPERATORS,
        tag: TAG,
        summary: 'List alerts, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: alertPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listAlerts(reports, { ...filter, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/alerts/{id}/acknowledge`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Say that somebody looks after an alert',
        description:
          'Safe to repeat: who was first stays. The alert is resolved by itself when its cause is gone.',
        params: idParams,
        body: acknowledgement,
        bodyOptional: true,
        responses: { 200: { description: 'The alert', schema: alert } },
        problems: ['ALERT_RESOLVED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        return okOrNotFound(
          await acknowledgeAlert(db, { id: params.id, by: caller, note: body.note ?? null }),
          'There is no such alert.',
        );
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/alerts/{id}/resolve`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Say that what an order needed a person for is done',
        description:
          `Only of an \`attention\` whose reason is ${ENDED_BY_HAND}: every other alert is resolved by itself when its cause is gone. ` +
          'It goes into the history of the order. Safe to repeat: who was first stays.',
        params: idParams,
        body: alertResolution,
        responses: { 200: { description: 'The alert', schema: alert } },
        problems: ['ALERT_ENDS_BY_ITSELF', 'ALERT_RESOLVED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        return okOrNotFound(
          await endAttention(db, { id: params.id, by: caller, note: body.note }),
          'There is no such alert.',
        );
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/alerts/{id}/affected`,
        access: OPERATORS,
        tag: TAG,
        summary: 'List those to whom the units were promised, in the order in which it was settled with them',
        description:
          'Of an alert of the kind `recall` or `count_short`, whose details have only the first of them and their number. Others have none.',
        params: idParams,
        query: z.object({ ...pageQuery, cursor: cursorOf(position).optional() }),
        responses: { 200: { description: 'A page', schema: affectedPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...page } }) => {
        const found = await listAffected(reports, { alertId: params.id, after: cursor, ...page });
        if (!found) throw notFound('There is no such alert.');
        return okPage(found);
      },
    ),
    ...thresholdRoutes(db),
  ];
}

function thresholdsIn(body: {
  lowStock: number;
  overstock: number | null;
  clearMargin?: number | null | undefined;
}): Thresholds {
  const { lowStock, overstock, clearMargin = null } = body;
  return { lowStock, overstock, clearMargin };
}

function thresholdRoutes(db: ApiContext['db']): Route[] {
  async function thresholdsOf(of: string): Promise<ApiResponse> {
    return okOrNotFound(await readThresholds(db, of), 'There is no such product.');
  }

  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/thresholds`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'When the stock of a product is low, or too much, by location',
        params: skuParams,
        responses: { 200: { description: 'The thresholds in force', schema: thresholds } },
      },
      ({ params }) => thresholdsOf(params.sku),
    ),
    route(
      {
        methods: ['put'],
        path: `${API_BASE}/inventory/{sku}/thresholds`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: "Set a product's thresholds at a location, or at all that have none of their own",
        description: 'Alerts are raised and resolved at once by the new values.',
        params: skuParams,
        body: thresholdsChange,
        responses: { 200: { description: 'The thresholds in force', schema: thresholds } },
        problems: ['UNKNOWN_LOCATION', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller: actor }) => {
        await setThresholds(db, {
          actor,
          sku: params.sku,
          location: body.location ?? null,
          thresholds: 'inherit' in body ? 'inherit' : thresholdsIn(body),
        }).catch(asNotFound('UNKNOWN_SKU', 'There is no such product.'));
        return thresholdsOf(params.sku);
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${API_BASE}/categories/{code}/thresholds`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: "Set what a category's products inherit",
        description:
          'Locations without thresholds of their own follow, also those that get stock later. Safe to repeat.',
        params: z.object({ code: line(100) }),
        body: categoryThresholds,
        responses: {
          200: { description: 'The default, and how much it changed', schema: categoryThresholdsSet },
        },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, body, caller: actor }) => {
        const given = thresholdsIn(body);
        const changed = await setCategoryThresholds(db, params.code, { ...given, actor }).catch(
          asNotFound('UNKNOWN_CATEGORY', 'There is no such category.'),
        );
        return ok({ category: params.code, ...given, changed });
      },
    ),
  ];
}
