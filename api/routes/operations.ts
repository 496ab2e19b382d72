import { Registry } from 'prom-client';
import { z } from 'zod';
import { healthSchema, readinessSchema } from '../../platform/health/process-health';
import { metricsText } from '../../platform/telemetry/metrics';
import { OPERATIONS } from '../http/access';
import type { ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import type { ApiContext } from '../services/context';

const TAG = 'Operations';

export function operationRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: '/health',
        access: OPERATIONS,
        tag: TAG,
        limit: null,
        summary: 'Is it alive, and what it depends on',
        responses: { 200: { description: 'It is alive; a dependency may be down', schema: healthSchema } },
      },
      async () => json(200, await context.health.health()),
    ),
    route(
      {
        methods: ['get'],
        path: '/ready',
        access: OPERATIONS,
        tag: TAG,
        limit: null,
        summary: 'May it be sent requests',
        description:
          'It may while the database is there and not behind this version. Without Temporal it may too: only orders, payments and jobs need it.',
        responses: {
          200: { description: 'Ready', schema: readinessSchema },
          503: { description: 'Not ready, with the reasons', schema: readinessSchema },
        },
      },
      async () => {
        const readiness = await context.health.readiness();
        return json(readiness.ready ? 200 : 503, readiness);
      },
    ),
    route(
      {
        methods: ['get'],
        path: '/metrics',
        access: OPERATIONS,
        tag: TAG,
        limit: null,
        summary: 'Metrics for Prometheus',
        responses: { 200: { description: 'Metrics', content: { 'text/plain': z.string() } } },
      },
      async ({ res }) => {
        const text = await metricsText(context.metrics.registries);
        res.setHeader('content-type', Registry.PROMETHEUS_CONTENT_TYPE);
        res.end(text);
        return null;
      },
    ),
  ];
}

/** Not a problem document, whatever the status. */
function json(status: number, body: object): ApiResponse {
  return { status, contentType: 'application/json', body };
}
