import { readUnfinishedOrder } from '../../domain/ordering/reconcile';
import type { EngineClient } from '../../platform/temporal/engine-client';
import type { Logger } from '../../platform/telemetry/log';
import { wakeSignal, type SagaSettings } from '../../workflows/contract/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../../workflows/contract/names';
import { orderStartOptions } from '../../workflows/contract/start';
import type { EnsureContext } from './ensure-document-workflow';

export interface EnsureOrderContext extends EnsureContext {
  /** A saga that is started again runs with these. */
  saga: SagaSettings;
}

/**
 * Starts the saga of an order that has something left to do. One that runs is left alone; one that has ended, also one that
 * completed, is started again, with the input that is stored with the order.
 *
 * @returns false when nothing is left to do for the order, or there is none
 */
export async function ensureOrderWorkflow(
  { db, engine, names, saga }: EnsureOrderContext,
  orderId: string,
): Promise<boolean> {
  const order = await readUnfinishedOrder(db, orderId);
  if (!order) return false;
  const options = orderStartOptions({ names, order, saga, restart: true, eager: false });
  await engine.start(WORKFLOW_TYPES.orderSaga, options);
  return true;
}

/** Wakes an order's saga. One that is gone is started again, unless nothing is left to do for its order. */
export async function wakeOrder(
  context: EnsureOrderContext & { log: Logger },
  orderId: string,
): Promise<void> {
  const { engine, names, log } = context;
  if (await engine.signal(names.orderWorkflowId(orderId), wakeSignal)) return;
  if (await ensureOrderWorkflow(context, orderId))
    // As a rule a refund of an order that had ended; the reconciler counts sagas that were lost.
    log.info({ orderId }, 'no saga of this order ran, and something is left to do: it was started again');
}

/** What became of an order's saga. One that failed counts as gone: it is to be started again. */
export async function describeOrderWorkflow(
  { engine, names }: { engine: EngineClient; names: EngineNames },
  orderId: string,
): Promise<'running' | 'completed' | 'gone'> {
  const state = await engine.describe(names.orderWorkflowId(orderId));
  return state === 'failed' ? 'gone' : state;
}
