import type { Client } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { newId } from '../../platform/ids';
import type { OrderInput } from '../../domain/orders/types';
import type { Settings } from '../../platform/config';
import type { Logger } from '../../platform/telemetry/log';
import { callFailure } from '../../platform/temporal/call-failure';
import { createEngineClient, type UpdateOutcome } from '../../platform/temporal/engine-client';
import type { EngineHealth } from '../../platform/temporal/engine-health';
import {
  amendUpdate,
  cancelUpdate,
  cutItemsUpdate,
  payUpdate,
  type AmendOrderRequest,
  type AmendResult,
  type CancelRequest,
  type CancelResult,
  type CutItemsRequest,
  type CutItemsResult,
  type PayRequest,
  type PayResult,
} from '../../workflows/contract/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../../workflows/contract/names';
import { isFastGateway } from '../../integrations/gateways';
import { orderStartOptions, sagaSettings } from '../../workflows/contract/start';
import { problem } from '../http/problems';

/**
 * `running`: the saga is there, made by this call or before. `closed`: it has ended. `unknown`: the call may or may not
 * have arrived.
 */
export type StartOutcome = 'running' | 'closed' | 'unknown';

/** `gone`: no saga runs for this order. `undecided`: no result in time; the same update id may be sent again. */
export type Updated<Result> = UpdateOutcome<Result> | { kind: 'undecided' };

export interface Engine {
  readonly health: EngineHealth;
  /** @throws AppError `ENGINE_UNAVAILABLE` when nothing was started, for certain. */
  start(order: OrderInput, trace: string): Promise<StartOutcome>;
  /** Starts the saga of an order that is open while no saga runs for it. */
  restart(order: OrderInput, trace: string): Promise<StartOutcome>;
  /** @throws AppError `ENGINE_UNAVAILABLE` when nothing was sent, for certain. The same holds for those below. */
  pay(orderId: string, request: PayRequest): Promise<Updated<PayResult>>;
  cancel(orderId: string, request: CancelRequest): Promise<Updated<CancelResult>>;
  cutItems(orderId: string, request: CutItemsRequest): Promise<Updated<CutItemsResult>>;
  amend(orderId: string, request: AmendOrderRequest): Promise<Updated<AmendResult>>;
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

/** What the API asks of Temporal about orders, each failure told apart by what may have happened. */
export function createEngine(options: EngineOptions): Engine {
  const { names, log } = options;
  const client = createEngineClient(options.client);
  const { health } = client;
  const saga = sagaSettings(options.settings, { names, gatewayIsFast: isFastGateway(options.settings) });

  async function start(order: OrderInput, trace: string, restart: boolean): Promise<StartOutcome> {
    const request = orderStartOptions({ names, order, saga, restart, eager: options.eagerStart, trace });
    try {
      return await client.start(WORKFLOW_TYPES.orderSaga, request);
    } catch (error) {
      log.error({ err: error, orderId: order.orderId }, 'a saga could not be started');
      if (callFailure(error) === 'refused') throw unavailable();
      return 'unknown';
    }
  }

  async function update<Result, Request>(
    definition: UpdateDefinition<Result, [Request]>,
    { orderId, ...target }: { orderId: string; updateId: string; request: Request },
  ): Promise<Updated<Result>> {
    if (!(await health.reachable())) throw unavailable();
    try {
      return await client.update(definition, { workflowId: names.orderWorkflowId(orderId), ...target });
    } catch (error) {
      log.warn({ err: error, orderId, update: definition.name }, 'an update has no outcome yet');
      if (callFailure(error) === 'refused') throw unavailable();
      return { kind: 'undecided' };
    }
  }

  return {
    health,
    idle: () => client.idle(),
    start: (order, trace) => start(order, trace, false),
    restart: (order, trace) => start(order, trace, true),
    // Each attempt is an update of its own: Temporal would return the first result of an update id for as long as the run lasts.
    // What binds a request to what it has done is the id in the request, by its row.
    pay: (orderId, request) => update(payUpdate, { orderId, updateId: newId(), request }),
    cancel: (orderId, request) => update(cancelUpdate, { orderId, updateId: newId(), request }),
    cutItems: (orderId, request) => update(cutItemsUpdate, { orderId, updateId: newId(), request }),
    amend: (orderId, request) => update(amendUpdate, { orderId, updateId: newId(), request }),
  };
}

/** For requests that end before anything was sent. */
export function unavailable(): Error {
  return problem('ENGINE_UNAVAILABLE', 'The workflow engine cannot be reached. Nothing was done; try again.');
}
