import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { SagaState } from '../activities/maintenance';
import type { OrderInput } from '../domain/orders/types';
import type { SagaTimeouts } from '../workflows/contract/messages';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';
import { orderStartOptions } from '../workflows/contract/start';
import { workflowState } from './workflow-state';

const CALL_DEADLINE_MS = 10_000;

/** What the relay and the sweep ask of the engine about one order's saga. */
export interface Sagas {
  /** By the engine's own record, never by visibility, which lags. */
  describe(orderId: string): Promise<SagaState>;
  /** Starts the saga of an order that is known to be open. One that runs is left alone. */
  restart(order: OrderInput): Promise<void>;
}

export function createSagas(options: { client: Client; names: EngineNames; timeouts: SagaTimeouts }): Sagas {
  const { client, names, timeouts } = options;
  return {
    async describe(orderId) {
      const state = await workflowState(client, names.orderWorkflowId(orderId));
      return state === 'failed' ? 'gone' : state;
    },
    async restart(order) {
      const options = orderStartOptions({ names, order, timeouts, restart: true, eager: false });
      try {
        await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
          client.workflow.start(WORKFLOW_TYPES.orderSaga, options),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
  };
}
