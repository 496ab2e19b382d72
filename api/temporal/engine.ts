import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import { ApplicationFailure, NamespaceNotFoundError, type UpdateDefinition } from '@temporalio/common';
import type { OrderInput } from '../../domain/orders/types';
import type { Settings } from '../../platform/config';
import type { Logger } from '../../platform/telemetry/log';
import {
  cancelUpdate,
  payUpdate,
  type CancelRequest,
  type CancelResult,
  type PayRequest,
  type PayResult,
} from '../../workflows/contract/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../../workflows/contract/names';
import { orderStartOptions, sagaTimeouts } from '../../workflows/contract/start';
import { problem } from '../http/problems';
import { createEngineCalls } from './engine-calls';
import { createEngineHealth, type EngineHealth } from './engine-health';

/**
 * `running`: the saga is there, made by this call or before. `closed`: it has ended. `unknown`: the call may or may not
 * have arrived.
 */
export type StartOutcome = 'running' | 'closed' | 'unknown';

/** `gone`: no saga runs for this order. `undecided`: no answer in time; the same update id may be asked again. */
export type Updated<Result> =
  | { kind: 'answer'; answer: Result }
  | { kind: 'refused'; code: string }
  | { kind: 'gone' }
  | { kind: 'undecided' };

export interface Engine {
  readonly health: EngineHealth;
  /** @throws AppError `ENGINE_UNAVAILABLE` when nothing was started, for certain. */
  start(order: OrderInput, trace: string): Promise<StartOutcome>;
  /** Starts the saga of an order that is open while no saga runs for it. */
  restart(order: OrderInput, trace: string): Promise<StartOutcome>;
  /** @throws AppError `ENGINE_UNAVAILABLE` when nothing was sent, for certain. The same holds for `cancel`. */
  pay(orderId: string, request: PayRequest): Promise<Updated<PayResult>>;
  cancel(orderId: string, updateId: string, request: CancelRequest): Promise<Updated<CancelResult>>;
  /** Resolves when the connection may be closed: no call uses it any more. */
  idle(): Promise<void>;
}

export interface EngineOptions {
  client: Client;
  names: EngineNames;
  settings: Settings;
  /** Hand the first task to the worker of this process; needs the worker's own connection. */
  eagerStart: boolean;
  log: Logger;
}

const START_DEADLINE_MS = 5_000;
const UPDATE_DEADLINE_MS = 10_000;
/** What a call that was given up may still take: its deadline and the client's longest pause between two tries. */
const IDLE_LIMIT_MS = 10_000;

/**
 * gRPC codes with which the server itself says no: INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION,
 * UNIMPLEMENTED, UNAUTHENTICATED. Any other failure is ambiguous, UNAVAILABLE too: the client retries it by itself, and
 * one of its tries may have broken off after it had arrived.
 */
const SERVER_SAID_NO = new Set([3, 5, 7, 9, 12, 16]);

/** The saga after an update was accepted, when it closed before the update's handler returned. */
const CLOSED_DURING_UPDATE = 'AcceptedUpdateCompletedWorkflow';

/** What the API asks of Temporal, each call with a deadline and each failure told apart by what may have happened. */
export function createEngine(options: EngineOptions): Engine {
  const { client, names, log } = options;
  const calls = createEngineCalls(client);
  const health = createEngineHealth(client, calls);
  const timeouts = sagaTimeouts(options.settings);

  async function start(order: OrderInput, trace: string, restart: boolean): Promise<StartOutcome> {
    const request = orderStartOptions({ names, order, timeouts, restart, eager: options.eagerStart, trace });
    try {
      await calls.within(START_DEADLINE_MS, () => client.workflow.start(WORKFLOW_TYPES.orderSaga, request));
      health.proved();
      return 'running';
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        health.proved();
        return 'closed';
      }
      log.error({ err: error, orderId: order.orderId }, 'a saga could not be started');
      if (serverSaidNo(error)) throw unavailable();
      return 'unknown';
    }
  }

  async function update<Result, Request>(
    definition: UpdateDefinition<Result, [Request]>,
    target: { orderId: string; updateId: string; request: Request },
  ): Promise<Updated<Result>> {
    if (!(await health.reachable())) throw unavailable();
    const handle = client.workflow.getHandle(names.orderWorkflowId(target.orderId));
    try {
      const answer = await calls.within(UPDATE_DEADLINE_MS, () =>
        handle.executeUpdate(definition, { args: [target.request], updateId: target.updateId }),
      );
      health.proved();
      return { kind: 'answer', answer };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { kind: 'gone' };
      const refusal = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
      if (refusal instanceof ApplicationFailure && refusal.type) {
        return refusal.type === CLOSED_DURING_UPDATE
          ? { kind: 'gone' }
          : { kind: 'refused', code: refusal.type };
      }
      log.warn(
        { err: error, orderId: target.orderId, update: definition.name },
        'an update was not answered',
      );
      if (serverSaidNo(error)) throw unavailable();
      return { kind: 'undecided' };
    }
  }

  return {
    health,
    idle: () => calls.idle(IDLE_LIMIT_MS),
    start: (order, trace) => start(order, trace, false),
    restart: (order, trace) => start(order, trace, true),
    pay: (orderId, request) => update(payUpdate, { orderId, updateId: request.updateId, request }),
    cancel: (orderId, updateId, request) => update(cancelUpdate, { orderId, updateId, request }),
  };
}

/** For answers that leave before anything was sent. */
export function unavailable(): Error {
  return problem('ENGINE_UNAVAILABLE', 'The workflow engine cannot be reached. Nothing was done; try again.');
}

function serverSaidNo(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof NamespaceNotFoundError) return true;
    if (isGrpcServiceError(at)) return SERVER_SAID_NO.has(at.code);
  }
  return false;
}
