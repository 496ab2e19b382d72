import { readUnsealed } from '../../domain/assurance/seals/unsealed';
import { readInventoryHealth } from '../../domain/stock/metrics/health';
import { createMetricsReader } from '../../domain/stock/metrics/metrics';
import { READ_INVENTORY } from '../http/access';
import { API_BASE } from '../http/paths';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { inventoryHealth, inventoryMetrics } from '../schemas/metrics';
import type { ApiContext } from '../services/context';

const TAG = 'Inventory';
const DRIFT_CHECKS = ['on_hand_ledger', 'reserved_ledger'];

export function metricsRoutes({ reports }: Pick<ApiContext, 'reports'>): Route[] {
  const metrics = createMetricsReader({ db: reports, driftChecks: DRIFT_CHECKS });
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/metrics`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'Totals of stock, holds and alerts',
        description: 'Counted at most every ten seconds; `asOf` says when.',
        responses: { 200: { description: 'The totals', schema: inventoryMetrics } },
      },
      async () => ok(await metrics.read()),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/health`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'Does the upkeep of the inventory keep up, and if not why',
        description:
          'Always 200 while the database answers: `degraded` means that somebody should look, not that it is down.',
        responses: { 200: { description: 'The state', schema: inventoryHealth } },
      },
      async () => {
        const unsealedSeconds = Math.max(...Object.values(await readUnsealed(reports)));
        return ok(await readInventoryHealth(reports, { unsealedSeconds }));
      },
    ),
  ];
}
