import { Counter, type Registry } from 'prom-client';
import { TRY_OUTCOMES, type TryOutcome } from '../domain/webhooks/types';
import { zeroed } from '../platform/telemetry/metrics';

/** Adds the count of requests to webhooks. Call the result with what became of each. */
export function addWebhookMetrics(registry: Registry): (outcome: TryOutcome) => void {
  const deliveries = zeroed(
    new Counter({
      name: 'holdfast_webhook_deliveries_total',
      help: 'Tries of deliveries to webhooks, by what became of them.',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    TRY_OUTCOMES,
  );
  return (outcome) => deliveries.inc({ outcome });
}
