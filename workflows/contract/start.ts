import type { WorkflowStartOptions } from '@temporalio/client';
import type { OrderInput } from '../../domain/orders/types';
import type { ReturnProgress } from '../../domain/warehousing/returns/types';
import type { TransferProgress } from '../../domain/stock/transfers/types';
import {
  CUSTOMER_ID,
  ORDER_STATUS,
  type OrderSagaInput,
  type ReturnInput,
  type SagaSettings,
  type TransferInput,
} from './messages';
import type { EngineNames } from './names';
import { orderDetails, orderSummary } from './order-summary';
import { transferSummary } from './transfer-summary';

/**
 * Raised with a change of the saga that a running one may not take part in: its code chooses by the edition in its input. Unlike
 * `patched`, that adds no event to a history.
 */
export const SAGA_EDITION = 1;

/** Eager work that is lost with its process waits this out before another worker gets it. */
const WORKFLOW_TASK_TIMEOUT = '5s';

/**
 * How an order's saga is started, by the API as by the reconciler.
 *
 * @param request.restart a completed saga is started again as well: its order is known to be open
 * @param request.trace W3C traceparent, kept as memo
 */
export function orderStartOptions(request: {
  names: EngineNames;
  order: OrderInput;
  saga: SagaSettings;
  restart: boolean;
  eager: boolean;
  trace?: string;
}): WorkflowStartOptions & { args: [OrderSagaInput] } {
  const { names, order, saga, restart, eager, trace } = request;
  return {
    workflowId: names.orderWorkflowId(order.orderId),
    taskQueue: names.ordersQueue,
    args: [{ order, saga, edition: SAGA_EDITION }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    // A terminated saga may be started again; a completed one has decided.
    workflowIdReusePolicy: restart ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
    requestEagerStart: eager,
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    typedSearchAttributes: [
      ...(isIdentifier(order.customerId) ? [{ key: CUSTOMER_ID, value: order.customerId }] : []),
      { key: ORDER_STATUS, value: 'reserving' },
    ],
    ...(trace ? { memo: { traceparent: trace } } : {}),
    staticSummary: orderSummary(order),
    staticDetails: orderDetails(order),
  };
}

/**
 * Search attributes are never encrypted. A customer id that is a text, or an e-mail address, is left out of them: its orders are found by
 * `GET /orders?customerId=`.
 */
function isIdentifier(customerId: string): boolean {
  return /^[\w.:-]{1,64}$/.test(customerId);
}

/** How the workflow of an open transfer is started. One that was terminated, or has ended too early, is started again. */
export function transferStartOptions(request: {
  names: EngineNames;
  transferId: string;
  transfer: TransferProgress;
}): WorkflowStartOptions & { args: [TransferInput] } {
  const { names, transferId, transfer } = request;
  return {
    workflowId: names.transferWorkflowId(transferId),
    taskQueue: names.jobsQueue,
    args: [{ transferId }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: transferSummary(transfer),
    staticDetails: `**Transfer** \`${transferId}\` of ${transfer.quantity} × \`${transfer.sku}\` from ${transfer.from} to ${transfer.to}`,
  };
}

/** How the workflow of an open return is started. One that was terminated, or has ended too early, is started again. */
export function returnStartOptions(request: {
  names: EngineNames;
  goods: ReturnProgress;
}): WorkflowStartOptions & { args: [ReturnInput] } {
  const { names, goods } = request;
  const { returnId, orderId } = goods;
  return {
    workflowId: names.returnWorkflowId(returnId),
    taskQueue: names.jobsQueue,
    args: [{ returnId }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Goods sent back of order ${orderId}`,
    staticDetails: `**Return** \`${returnId}\` of order \`${orderId}\``,
  };
}

/** What a saga runs with, from the settings of the process that starts it. */
export function sagaSettings(
  settings: { PAYMENT_CALL_TIMEOUT_MS: number; PAYMENT_UNKNOWN_LIMIT_SECONDS: number },
  { names, gatewayIsFast }: { names: EngineNames; gatewayIsFast: boolean },
): SagaSettings {
  return {
    paymentsQueue: names.paymentsQueue,
    paymentCallMs: settings.PAYMENT_CALL_TIMEOUT_MS,
    paymentUnknownSeconds: settings.PAYMENT_UNKNOWN_LIMIT_SECONDS,
    firstRetryMs: 500,
    gatewayIsFast,
  };
}
