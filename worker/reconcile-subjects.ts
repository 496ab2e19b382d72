import type { Reconciled, ReconcileSubject } from '../activities/reconcile';
import { failUpload } from '../activities/upload-kinds';
import { failJob, findRestingJobs } from '../domain/jobs/jobs';
import { claimRestingOrders, findStuckOrders, lookSoon } from '../domain/ordering/reconcile';
import { failedSubjects } from '../domain/stock/alerts/failed-work';
import type { StockAccess } from '../domain/stock/ledger/stock-ledger';
import { mailsWait } from '../domain/notifications/dispatch';
import { hasEnabledWebhooks } from '../domain/webhooks/dispatch';
import { finishOpenings } from '../domain/stock/places/open';
import { claimUnattendedTransfers } from '../domain/stock/transfers/overdue';
import { findOverdueReturns } from '../domain/warehousing/returns/end';
import type { OverdueReturn } from '../domain/warehousing/returns/types';
import { isAppError } from '../platform/errors';
import type { PagePosition } from '../platform/database/pages';
import type { EngineClient } from '../platform/temporal/engine-client';
import { ORDER_STATUS } from '../workflows/contract/messages';
import { orderIdOf, WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';
import { ensureJobWorkflow } from './ensure/ensure-job-workflow';
import { ensureOrderWorkflow, type EnsureOrderContext } from './ensure/ensure-order-workflow';
import { ensureReturnWorkflow } from './ensure/ensure-return-workflow';
import { ensureTransferWorkflow } from './ensure/ensure-transfer-workflow';
import {
  signalDispatcher,
  signalMailDispatcher,
  signalReservationExpiry,
  signalWebhookDispatcher,
} from './ensure/signal-standing-workflows';

/** How long an order, a transfer or a job may rest before it is a suspect. */
const GRACE_SECONDS = 30;
/** How soon one that merely waits (to be paid, to arrive) is a suspect again. */
const RECHECK_SECONDS = 600;

const WORKFLOW_FAILED = {
  code: 'WORKFLOW_FAILED',
  detail: 'The workflow of this job has failed without telling why; its history does.',
};

/** How long a run goes on with the opening of one warehouse; the next goes on from there. */
const OPENING_MS = 20_000;

/** What the reconciler looks after: rows that have a workflow while they are open. */
export function createReconcileSubjects(
  context: EnsureOrderContext & Pick<StockAccess, 'stock'>,
): Readonly<Record<ReconcileSubject, Reconciled>> {
  const { db, stock, engine, names } = context;
  const claimed = { graceSeconds: GRACE_SECONDS, recheckSeconds: RECHECK_SECONDS };
  return {
    orders: {
      key: 'orderId',
      work: 'start_order_saga',
      async *suspects() {
        yield* await findStuckOrders(db);
        yield* inBatches((limit) => claimRestingOrders(db, { ...claimed, limit }));
      },
      withoutRows: () => findPlacing(engine, names),
      workflowId: (id) => names.orderWorkflowId(id),
      orderId: (id) => id,
      lookSoon: (ids) => lookSoon(db, ids),
      restart: (id) => ensureOrderWorkflow(context, id),
    },
    transfers: {
      key: 'transferId',
      work: 'start_transfer',
      suspects: () => inBatches((limit) => claimUnattendedTransfers(db, { ...claimed, limit })),
      workflowId: (id) => names.transferWorkflowId(id),
      restart: (id) => ensureTransferWorkflow(context, id),
    },
    jobs: {
      key: 'jobId',
      work: 'start_job',
      suspects: () =>
        inBatches<PagePosition>((limit, after) =>
          findRestingJobs(db, { graceSeconds: GRACE_SECONDS, limit, after }),
        ),
      workflowId: (id) => names.jobWorkflowId(id),
      restart: (id) => ensureJobWorkflow(context, id),
      async end(id) {
        return unlessMissing('JOB_NOT_FOUND', async () => {
          const isUpload = await unlessMissing('FEED_NOT_FOUND', async () => {
            await failUpload({ db, stock }, id, WORKFLOW_FAILED);
            return true;
          });
          if (!isUpload) await failJob(db, id, WORKFLOW_FAILED);
          return true;
        });
      },
    },
    returns: {
      key: 'returnId',
      work: 'start_return',
      suspects: () => inBatches<OverdueReturn>((limit, after) => findOverdueReturns(db, { limit, after })),
      workflowId: (id) => names.returnWorkflowId(id),
      restart: (id) => unlessMissing('NOT_FOUND', () => ensureReturnWorkflow(context, id)),
    },
    standing: {
      key: 'workflowId',
      work: 'start_standing',
      startsLate: true,
      finish: () => finishOpenings({ db, stock }, OPENING_MS),
      async *suspects() {
        yield* [names.dispatcherWorkflowId, names.reservationExpiryWorkflowId];
        if (await hasEnabledWebhooks(db)) yield names.webhookDispatcherWorkflowId;
        if (await mailsWait(db)) yield names.mailDispatcherWorkflowId;
        // Of any kind: those that have rows are started again by their own reconciler.
        yield* await failedSubjects(db, 'run_workflow');
        yield* await failedSubjects(db, 'take_workflow_task');
      },
      workflowId: (id) => id,
      orderId: (id) => orderIdOf(names, id),
      async restart(id) {
        if (id === names.dispatcherWorkflowId) await signalDispatcher(context);
        else if (id === names.reservationExpiryWorkflowId) await signalReservationExpiry(context);
        else if (id === names.webhookDispatcherWorkflowId) await signalWebhookDispatcher(context);
        else if (id === names.mailDispatcherWorkflowId) await signalMailDispatcher(context);
        else return false;
        return true;
      },
    },
  };
}

/** Sagas that are stuck before their order is a row are in no table. There are few that take so long to place an order. */
const PLACING_LIMIT = 100;

/** Orders whose saga was started a while ago and has not come to its first wait: perhaps there is no row of the order yet. */
async function findPlacing(engine: EngineClient, names: EngineNames): Promise<string[]> {
  const before = new Date(Date.now() - GRACE_SECONDS * 1_000).toISOString();
  const query = `WorkflowType = '${WORKFLOW_TYPES.orderSaga}' and ExecutionStatus = 'Running'
    and TaskQueue = '${names.ordersQueue}' and ${ORDER_STATUS.name} = 'reserving' and StartTime < '${before}'`;
  const found = await engine.list(query, PLACING_LIMIT);
  return found.flatMap((id) => orderIdOf(names, id) ?? []);
}

/** What `act` returns; false where it throws that there is no such row: it was deleted since it was a suspect. */
async function unlessMissing(code: string, act: () => Promise<boolean>): Promise<boolean> {
  try {
    return await act();
  } catch (error) {
    if (isAppError(error, code)) return false;
    throw error;
  }
}

const BATCH = 100;

/** Ids, read in batches. `find` claims what it returns, or goes on after the last of the batch before. */
async function* inBatches<Found extends { id: string }>(
  find: (limit: number, after: Found | undefined) => Promise<Found[]>,
): AsyncGenerator<string> {
  let after: Found | undefined;
  for (;;) {
    const found = await find(BATCH, after);
    for (const { id } of found) yield id;
    if (found.length < BATCH) return;
    after = found.at(-1);
  }
}
