import type { Database } from '../../../platform/database/database';
import { readProgresses } from '../../ordering/progress';
import { nextStep } from '../../ordering/rules';
import { hasEnded } from '../../orders/rules';
import { selectEndedOrders, selectRestingOrders } from './workflow-queries';
import type { CheckInfo, CheckScope, Finding } from '../types';

/** What the engine knows of an order's workflow: by its own record, not by its list, which lags. */
export type DescribeSaga = (orderId: string) => Promise<'running' | 'completed' | 'gone'>;

export interface EngineCheck extends CheckInfo {
  find(deps: EngineDeps, run: CheckScope): Promise<Finding[]>;
}

export interface EngineDeps {
  db: Database;
  describe: DescribeSaga;
  /** Called after each batch. */
  onProgress?: () => void;
  signal?: AbortSignal;
}

/** Orders that are asked about in one run: each costs a call of the engine. */
const MAX_ORDERS = { incremental: 1_000, full: 10_000 } as const;
/** Calls under way at once. */
const BATCH = 16;

/** Orders in PostgreSQL against their workflows in Temporal. */
export const ENGINE_CHECKS: readonly EngineCheck[] = [
  {
    id: 'workflow_gone',
    title: 'Every open order has a workflow that runs',
    severity: 'error',
    finding: 'An order: orderId, status, workflow (completed, gone)',
    repair: 'Its workflow is woken through the outbox, which starts it again where it is gone.',
    async find(deps, { mode, graceSeconds }) {
      const asked = await selectRestingOrders(deps.db, { limit: MAX_ORDERS[mode], graceSeconds });
      const states = await describeAll(deps, asked);
      const suspects = asked.filter((id) => states.get(id) !== undefined && states.get(id) !== 'running');
      // Read after the engine was asked: an order that ended in between took its workflow with it.
      const progresses = await readProgresses(deps.db, suspects);
      return suspects.flatMap((orderId) => {
        const progress = progresses.get(orderId);
        if (!progress || hasEnded(progress.status)) return [];
        const details = { orderId, status: progress.status, workflow: states.get(orderId) };
        return [{ subject: `order:${orderId}`, details }];
      });
    },
  },
  {
    id: 'workflow_outlives_order',
    title: 'No workflow runs for an order that has ended',
    severity: 'warning',
    finding: 'An order: orderId, status, workflow (running)',
    repair: 'Its workflow is woken: it reads its rows again, and ends.',
    async find(deps, { mode, graceSeconds, since }) {
      const ended = await selectEndedOrders(deps.db, { limit: MAX_ORDERS[mode], graceSeconds, since });
      const progresses = await readProgresses(deps.db, ended);
      // Of an order that ended there may still be a refund to make.
      const done = ended.filter((id) => {
        const progress = progresses.get(id);
        return progress !== undefined && nextStep(progress).do === 'finish';
      });
      const states = await describeAll(deps, done);
      return done.flatMap((orderId) => {
        if (states.get(orderId) !== 'running') return [];
        const details = { orderId, status: progresses.get(orderId)?.status, workflow: 'running' };
        return [{ subject: `order:${orderId}`, details }];
      });
    },
  },
];

async function describeAll(
  deps: EngineDeps,
  orderIds: readonly string[],
): Promise<Map<string, Awaited<ReturnType<DescribeSaga>>>> {
  const states = new Map<string, Awaited<ReturnType<DescribeSaga>>>();
  for (let start = 0; start < orderIds.length && !deps.signal?.aborted; start += BATCH) {
    const batch = orderIds.slice(start, start + BATCH);
    const found = await Promise.all(batch.map(async (id) => [id, await deps.describe(id)] as const));
    for (const [id, state] of found) states.set(id, state);
    deps.onProgress?.();
  }
  return states;
}
