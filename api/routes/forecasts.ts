import { requestForecast } from '../../domain/forecasting/run';
import { readForecast } from '../../domain/forecasting/view';
import { OPERATORS } from '../http/access';
import { API_BASE } from '../http/paths';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey, recordKey } from '../idempotency/idempotency-key';
import { skuParams } from '../schemas/common';
import { forecast, forecastQuery, forecastRequest } from '../schemas/forecasts';
import { jobAcceptedBody } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { jobAccepted } from '../use-cases/job-responses';

const SCOPE = 'POST /jobs/forecast';

export function forecastRoutes(context: ApiContext): Route[] {
  const { db, reports } = context;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/forecast`,
        access: OPERATORS,
        tag: 'Jobs',
        summary: 'Forecast the demand of all products',
        description: 'As happens each night. What was forecast before is shown until it is done.',
        keyed: true,
        body: forecastRequest,
        responses: { 202: { description: 'It will run, or has run', schema: jobAcceptedBody } },
        problems: ['IDEMPOTENCY_KEY_REUSED', 'VALIDATION_FAILED'],
      },
      async (call) => {
        const { body, receivedBody, caller } = call;
        const jobId = idForKey(call, 'forecast');
        const use = { scope: SCOPE, request: body, received: receivedBody, subjectId: jobId };
        const isRepeat = await recordKey(context, call, use);
        return jobAccepted(await requestForecast(db, jobId, caller), isRepeat);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/forecasts/{sku}`,
        access: OPERATORS,
        tag: 'Reports',
        limit: 'reports',
        summary: 'The demand that is expected of a product',
        description:
          'By day of UTC, with its trend and season, and intervals that were measured on values that no model saw. Demand is what is ordered, when it is ordered, backorders included, at the location of first choice.',
        params: skuParams,
        query: forecastQuery,
        responses: { 200: { description: 'The forecast', schema: forecast } },
        problems: ['FORECAST_NOT_MADE', 'NOT_FOUND', 'UNKNOWN_LOCATION', 'VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const { horizonDays, location = null, leadTimeDays, leadTimeDeviationDays, reviewDays } = query;
        const leadTime =
          leadTimeDays === undefined
            ? null
            : { meanDays: leadTimeDays, deviationDays: leadTimeDeviationDays, reviewDays };
        return ok(await readForecast(reports, { sku: params.sku, location, horizonDays, leadTime }));
      },
    ),
  ];
}
