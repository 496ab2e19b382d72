import type { EngineClient } from '../../platform/temporal/engine-client';
import {
  mailsReadySignal,
  type MailDispatcherInput,
  reservationsDueSignal,
  shipmentsReadySignal,
  type DispatcherInput,
  type ReservationExpiryInput,
  webhooksReadySignal,
  type WebhookDispatcherInput,
} from '../../workflows/contract/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../../workflows/contract/names';

interface Context {
  engine: EngineClient;
  names: EngineNames;
}

const DISPATCHER: DispatcherInput = { batchSize: 200 };

/** Signals the dispatcher that there are shipments to book, and starts it where it does not run. */
export async function signalDispatcher({ engine, names }: Context, input = DISPATCHER): Promise<void> {
  await engine.signalWithStart(WORKFLOW_TYPES.shipmentDispatcher, shipmentsReadySignal, {
    workflowId: names.dispatcherWorkflowId,
    taskQueue: names.jobsQueue,
    args: [input],
    staticSummary: 'Books all shipments with their carriers, in batches',
  });
}

/**
 * 500 reservations take 50 to 100 ms, and their stock rows are locked as long. What falls due within 200 ms is freed together:
 * ten thousand in a minute are then five transactions a second of some 30, and not 167 of one.
 */
const RESERVATION_EXPIRY: ReservationExpiryInput = { batchSize: 500, pauseMs: 200, roundMs: 10_000 };
/** How soon the engine gives a task to another worker when the one that has it is gone. */
const EXPIRY_TASK_SECONDS = 5;

/** Signals the expiry of reservations, and starts it where it does not run: it never did, or was ended by hand. */
export async function signalReservationExpiry({ engine, names }: Context): Promise<void> {
  await engine.signalWithStart(WORKFLOW_TYPES.reservationExpiry, reservationsDueSignal, {
    workflowId: names.reservationExpiryWorkflowId,
    taskQueue: names.jobsQueue,
    args: [RESERVATION_EXPIRY],
    workflowTaskTimeout: `${EXPIRY_TASK_SECONDS} seconds`,
    staticSummary: 'Frees reservations without an order when they fall due',
  });
}

/** Signals the dispatcher of webhooks that there may be something to deliver, and starts it where it does not run. */
export async function signalWebhookDispatcher(
  { engine, names }: Context,
  input: WebhookDispatcherInput = {},
): Promise<void> {
  await engine.signalWithStart(WORKFLOW_TYPES.webhookDispatcher, webhooksReadySignal, {
    workflowId: names.webhookDispatcherWorkflowId,
    taskQueue: names.jobsQueue,
    args: [input],
    staticSummary: 'Tells webhooks of events',
  });
}

/** Signals the dispatcher of mails that there may be some to send, and starts it where it does not run. */
export async function signalMailDispatcher(
  { engine, names }: Context,
  input: MailDispatcherInput = {},
): Promise<void> {
  await engine.signalWithStart(WORKFLOW_TYPES.mailDispatcher, mailsReadySignal, {
    workflowId: names.mailDispatcherWorkflowId,
    taskQueue: names.jobsQueue,
    args: [input],
    staticSummary: 'Sends mails',
  });
}
