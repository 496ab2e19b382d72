import { isGrpcServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { readProgress } from '../../domain/ordering/progress';
import { nextStep } from '../../domain/ordering/rules';
import type { Database } from '../../platform/database/database';
import { isRetryable } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import {
  reservationsDueSignal,
  shipmentsReadySignal,
  wakeSignal,
  type DispatcherInput,
  type ReservationExpiryInput,
} from '../../workflows/contract/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../../workflows/contract/names';

export interface Receivers {
  db: Database;
  client: Client;
  names: EngineNames;
  /** Where and with what the dispatcher is started. */
  dispatcher: { taskQueue: string; input: DispatcherInput };
  /** Starts the saga of an open order that has none. */
  restartSaga(orderId: string): Promise<void>;
  log: Logger;
}

const CALL_DEADLINE_MS = 5_000;

/** Rings the dispatcher, and starts it where it does not run. */
export async function signalDispatcher({ client, names, dispatcher }: Receivers): Promise<void> {
  await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflow.signalWithStart(WORKFLOW_TYPES.shipmentDispatcher, {
      workflowId: names.dispatcherWorkflowId,
      taskQueue: dispatcher.taskQueue,
      args: [dispatcher.input],
      signal: shipmentsReadySignal,
      signalArgs: [],
      staticSummary: 'Books all shipments with their carriers, in batches',
    }),
  );
}

/**
 * 500 holds take 50 to 100 ms, and their stock rows are locked as long. What falls due within 200 ms is freed together:
 * ten thousand holds in a minute are then five transactions a second of some 30, and not 167 of one.
 */
const RESERVATION_EXPIRY: ReservationExpiryInput = { batchSize: 500, pauseMs: 200, roundMs: 10_000 };
/** How soon the engine gives a task to another worker when the one that has it is gone. */
const EXPIRY_TASK_SECONDS = 5;

/** Rings the expiry of holds, and starts it where it does not run: never was, or was ended by hand. */
export async function signalReservationExpiry({
  client,
  names,
}: Pick<Receivers, 'client' | 'names'>): Promise<void> {
  await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflow.signalWithStart(WORKFLOW_TYPES.reservationExpiry, {
      workflowId: names.reservationExpiryWorkflowId,
      taskQueue: names.jobsQueue,
      args: [RESERVATION_EXPIRY],
      signal: reservationsDueSignal,
      signalArgs: [],
      workflowTaskTimeout: `${EXPIRY_TASK_SECONDS} seconds`,
      staticSummary: 'Frees holds without an order when they fall due',
    }),
  );
}

/** Rings an order's saga. One that is gone is started again, unless nothing is left to do for its order. */
export async function wakeOrder(receivers: Receivers, orderId: string): Promise<void> {
  const { client, names, db, log } = receivers;
  try {
    await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.getHandle(names.orderWorkflowId(orderId)).signal(wakeSignal),
    );
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const progress = await readProgress(db, orderId);
    if (!progress || nextStep(progress).do === 'finish') return;
    log.warn({ orderId }, 'the saga of an open order is gone; it is started again');
    await receivers.restartSaga(orderId);
  }
}

/** gRPC: CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const AWAY_CODES: ReadonlySet<number> = new Set([1, 4, 8, 14]);

/** True when PostgreSQL or the engine was away or busy: nothing is wrong with what was asked. */
export function isPassing(error: unknown): boolean {
  if (isGrpcServiceError(error)) return AWAY_CODES.has(error.code);
  return (
    isRetryable(error) || (error instanceof Error && error.cause !== undefined && isPassing(error.cause))
  );
}
