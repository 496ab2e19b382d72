import { Context } from '@temporalio/activity';
import { ensurePartitions } from '../domain/stock/retention/retention';
import { foldOldPartitions } from '../domain/stock/retention/retention';
import { readProgress } from '../domain/ordering/progress';
import { nextStep } from '../domain/orders/rules';
import { claimSuspects } from '../domain/ordering/reconcile-queries';
import type { OrderInput } from '../domain/orders/types';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import { heartbeating } from './heartbeat';

export interface SweepResult {
  looked: number;
  restarted: number;
}

/** What became of an order's saga, asked of the engine itself: visibility lags. */
export type SagaState = 'running' | 'completed' | 'gone';

export interface MaintenanceDeps {
  db: Database;
  describeSaga(orderId: string): Promise<SagaState>;
  startSaga(order: OrderInput): Promise<void>;
  /** An order that has not moved for this long is looked at. */
  graceSeconds: number;
  /** One that merely waits to be paid is looked at again after this long. */
  recheckSeconds: number;
  partitionsAhead: number;
  /** Full months of the ledger that are kept; 0: all. */
  retentionMonths: number;
  log: Logger;
}

export interface MaintenanceActivities {
  /**
   * Starts the saga of every order that has something left to do and no saga. It never refunds or releases by itself: the
   * saga reads the order's rows and carries on. A slow saga that lives is left alone.
   */
  sweepOrders(): Promise<SweepResult>;
  /** Makes the ledger's partitions of the months to come. */
  ensureLedgerPartitions(): Promise<{ made: number }>;
  /** Sums partitions older than the retention into opening balances and drops them; answers their names. */
  foldLedgerPartitions(): Promise<{ folded: string[] }>;
}

const BATCH = 100;

export function createMaintenanceActivities(deps: MaintenanceDeps): MaintenanceActivities {
  const { db, graceSeconds, recheckSeconds, log } = deps;

  /** Its saga may have ended it, and itself, since it was claimed. */
  async function isDone(orderId: string): Promise<boolean> {
    const progress = await readProgress(db, orderId);
    return !progress || nextStep(progress).do === 'finish';
  }

  return {
    async sweepOrders() {
      const result = { looked: 0, restarted: 0 };
      for (;;) {
        const suspects = await claimSuspects(db, { graceSeconds, recheckSeconds, limit: BATCH });
        for (const { orderId, input } of suspects) {
          // Each may take the engine's whole deadline.
          Context.current().heartbeat(result);
          result.looked += 1;
          const state = await deps.describeSaga(orderId);
          if (state === 'running' || (await isDone(orderId))) continue;
          const message = 'an order has something left to do and no saga; it is started again';
          // A saga that completed and left its order open is a defect of ours, not a fault of the world.
          log[state === 'completed' ? 'error' : 'warn']({ orderId, state }, message);
          await deps.startSaga(input);
          result.restarted += 1;
        }
        if (suspects.length < BATCH) return result;
      }
    },
    async ensureLedgerPartitions() {
      return { made: await ensurePartitions(db, deps.partitionsAhead) };
    },
    async foldLedgerPartitions() {
      const months = deps.retentionMonths;
      if (months === 0) return { folded: [] };
      const fold = (beat: (details: unknown) => void) => foldOldPartitions(db, months, beat);
      const folded = await heartbeating(fold);
      if (folded.length > 0)
        log.info({ folded, months }, 'old partitions of the ledger are opening balances now');
      return { folded };
    },
  };
}
