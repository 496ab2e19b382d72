import { readInventoryHealth } from '../../domain/stock/metrics/health';
import { createMetricsReader } from '../../domain/stock/metrics/metrics';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { API_BASE } from '../use-cases/order-answers';
import { route, type Route } from '../http/route';
import { inventoryHealth, inventoryMetrics } from '../schemas/metrics';

const TAG = 'Inventory';
const DRIFT_CHECKS = ['on_hand_ledger', 'reserved_ledger'];

export function insightRoutes({ db }: Pick<ApiContext, 'db'>): Route[] {
  const metrics = createMetricsReader({ db, driftChecks: DRIFT_CHECKS });
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/metrics`,
        tag: TAG,
        summary: 'Totals of stock, holds and alerts',
        description: 'Counted at most every ten seconds; `asOf` says when.',
        answers: { 200: { description: 'The totals', schema: inventoryMetrics } },
      },
      async () => ok(await metrics.read()),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/health`,
        tag: TAG,
        summary: 'Does the upkeep of the inventory keep up, and if not why',
        description:
          'Always 200 while the database answers: `degraded` means that somebody should look, not that it is down.',
        answers: { 200: { description: 'The state', schema: inventoryHealth } },
      },
      async () => ok(await readInventoryHealth(db)),
    ),
  ];
}
