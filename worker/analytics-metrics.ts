import type { Registry } from 'prom-client';
import { analyticsBehindSeconds } from '../domain/analytics/sums';
import type { Queryable } from '../platform/database/database';
import { addCountedNumber, briefly } from '../platform/telemetry/counted-gauge';

/** Whether the sums of analytics follow what happens. */
export function addAnalyticsMetrics(registry: Registry, db: Queryable): void {
  addCountedNumber(
    registry,
    {
      name: 'holdfast_analytics_behind_seconds',
      help: 'For how long what was numbered has waited to be in the sums of analytics; 0: nothing waits.',
    },
    briefly(() => analyticsBehindSeconds(db)),
  );
}
