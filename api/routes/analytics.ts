import type { Request, Response } from 'express';
import { z } from 'zod';
import { groupsCsv, productCsv, stockoutsCsv } from '../../domain/analytics/csv';
import { inventoryAnalytics } from '../../domain/analytics/groups';
import { productAnalytics } from '../../domain/analytics/product';
import { stockouts } from '../../domain/analytics/stockouts';
import { OPERATORS } from '../http/access';
import { encodeCursor } from '../http/cursor';
import { sendFile } from '../http/file-response';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { ok, type ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import {
  groupsQuery,
  inventoryAnalytics as inventoryAnalyticsSchema,
  productAnalytics as productAnalyticsSchema,
  seriesQuery,
  stockoutList,
  stockoutsQuery,
} from '../schemas/analytics';
import { skuParams } from '../schemas/common';
import type { ApiContext } from '../services/context';

const PATH = `${API_BASE}/analytics`;

const COMMON = { methods: ['get'], access: OPERATORS, tag: 'Analytics', limit: 'reports' } as const;

const PROBLEMS = [
  'ANALYTICS_BUILDING',
  'ASOF_BEFORE_RETENTION',
  'UNKNOWN_ZONE',
  'VALIDATION_FAILED',
] as const;

const described = (description: string, schema: z.ZodType) => ({
  200: { description, content: { 'application/json': schema, 'text/csv': z.string() } },
});

export function analyticsRoutes({ reports }: Pick<ApiContext, 'reports'>): Route[] {
  return [
    route(
      {
        ...COMMON,
        path: `${PATH}/inventory`,
        summary: 'What moved, was sold and lay in stock in a period',
        description:
          'By category, warehouse, region or product, as these are now, right to the last transaction. With `Accept: text/csv` as a table.',
        query: groupsQuery,
        responses: described('The groups', inventoryAnalyticsSchema),
        problems: [...PROBLEMS, 'UNKNOWN_CATEGORY', 'UNKNOWN_LOCATION', 'ZONE_NOT_WHOLE_HOURS'],
      },
      async ({ query: { cursor, ...request }, ...call }) => {
        const found = await inventoryAnalytics(reports, { ...request, after: cursor?.sku });
        return paged(call, { found, csv: groupsCsv, name: `analytics-${request.groupBy}` });
      },
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/products/{sku}`,
        summary: 'A product day by day',
        description:
          'Days of UTC. With moving averages, days without stock, what its stock is like and how old it is. With `Accept: text/csv` the days as a table.',
        params: skuParams,
        query: seriesQuery,
        responses: described('The days', productAnalyticsSchema),
        problems: [...PROBLEMS, 'UNKNOWN_LOCATION'],
      },
      async ({ params: { sku }, query, ...call }) => {
        const found = await productAnalytics(reports, { sku, ...query });
        if (found === null) throw notFound('There is no such product.');
        return told(call, { body: found, csv: () => productCsv(found), name: 'analytics-product' });
      },
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/stockouts`,
        summary: 'Where a product was sold out in a period',
        description:
          'By SKU. A page looks at 500 products, and has those places at which nothing was available at the end of a day: it may have none, and another page follow. With `Accept: text/csv` as a table.',
        query: stockoutsQuery,
        responses: described('The places', stockoutList),
        problems: [...PROBLEMS, 'UNKNOWN_CATEGORY', 'UNKNOWN_LOCATION'],
      },
      async ({ query: { cursor, ...request }, ...call }) => {
        const found = await stockouts(reports, { ...request, after: cursor?.sku });
        return paged(call, { found, csv: stockoutsCsv, name: 'stockouts' });
      },
    ),
  ];
}

interface Call {
  req: Request;
  res: Response;
  signal: AbortSignal;
}

function paged<Found extends { next: string | null }>(
  call: Call,
  { found, csv, name }: { found: Found; csv(found: Found): string; name: string },
): Promise<ApiResponse | null> {
  const { next, ...body } = found;
  const nextCursor = next === null ? null : encodeCursor({ sku: next });
  return told(call, { body: { ...body, nextCursor }, csv: () => csv(found), name });
}

/** As JSON, or as a table where that is asked for. */
async function told(
  { req, res, signal }: Call,
  { body, csv, name }: { body: object; csv(): string; name: string },
): Promise<ApiResponse | null> {
  if (req.accepts(['application/json', 'text/csv']) !== 'text/csv') return ok(body);
  const file = { mediaType: 'text/csv; charset=utf-8', name: `${name}.csv`, pieces: [csv()] };
  await sendFile(res, file, signal);
  return null;
}
