import { Registry } from 'prom-client';
import { z } from 'zod';
import { pingDatabase } from '../../platform/database/database-info';
import { checkHealth } from '../../platform/telemetry/health';
import { metricsText } from '../../platform/telemetry/metrics';
import { VERSION } from '../../platform/version';
import { OPERATIONS } from '../http/access';
import { route, type Route } from '../http/route';
import type { ApiContext } from '../services/context';

const TAG = 'Operations';
const CHECK_TIMEOUT_MS = 2_000;

const check = z.object({ status: z.enum(['up', 'down']), latencyMs: z.number() });
const health = z
  .object({
    status: z.enum(['up', 'down']),
    version: z.string(),
    uptimeSeconds: z.number(),
    checks: z.object({ database: check, temporal: check }),
  })
  .meta({ id: 'Health' });
const readiness = z.object({ ready: z.boolean() }).meta({ id: 'Readiness' });

export function operationRoutes(context: ApiContext): Route[] {
  async function dependencies() {
    const [database, temporal] = await Promise.all([
      checkHealth(() => pingDatabase(context.db), CHECK_TIMEOUT_MS),
      checkHealth(() => context.engine.health.probe(), CHECK_TIMEOUT_MS),
    ]);
    return { checks: { database, temporal }, allUp: database.status === 'up' && temporal.status === 'up' };
  }

  return [
    route(
      {
        methods: ['get'],
        path: '/health',
        access: OPERATIONS,
        tag: TAG,
        limit: null,
        summary: 'Is it alive, and what it depends on',
        responses: {
          200: { description: 'Everything is up', schema: health },
          503: { description: 'A dependency is down', schema: health },
        },
      },
      async () => {
        const { checks, allUp } = await dependencies();
        return {
          status: allUp ? 200 : 503,
          contentType: 'application/json',
          body: {
            status: allUp ? 'up' : 'down',
            version: VERSION,
            uptimeSeconds: Math.round(process.uptime()),
            checks,
          },
        };
      },
    ),
    route(
      {
        methods: ['get'],
        path: '/ready',
        access: OPERATIONS,
        tag: TAG,
        limit: null,
        summary: 'May it be sent requests',
        responses: {
          200: { description: 'Ready', schema: readiness },
          503: { description: 'A dependency is down, or it is stopping', schema: readiness },
        },
      },
      async () => {
        const ready = !context.stopping.aborted && (await dependencies()).allUp;
        return { status: ready ? 200 : 503, contentType: 'application/json', body: { ready } };
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
