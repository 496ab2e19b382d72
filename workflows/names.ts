/** Names that clients and workers must agree on. Search attribute and type names are also what operators filter by. */

export const WORKFLOW_TYPES = {
  orderSaga: 'orderSaga',
  shipmentDispatcher: 'shipmentDispatcher',
  orderSweep: 'orderSweep',
  ledgerMaintenance: 'ledgerMaintenance',
} as const;

export const TASK_QUEUES = { orders: 'orders', jobs: 'jobs' } as const;

/**
 * Ids and queues of one installation. Several installations may share a namespace (tests do) by a prefix of their own.
 */
export interface EngineNames {
  ordersQueue: string;
  jobsQueue: string;
  orderWorkflowId(orderId: string): string;
  dispatcherWorkflowId: string;
  sweepScheduleId: string;
  ledgerScheduleId: string;
}

export function engineNames(prefix = ''): EngineNames {
  return {
    ordersQueue: `${prefix}${TASK_QUEUES.orders}`,
    jobsQueue: `${prefix}${TASK_QUEUES.jobs}`,
    orderWorkflowId: (orderId) => `${prefix}order:${orderId}`,
    dispatcherWorkflowId: `${prefix}shipment-dispatcher`,
    sweepScheduleId: `${prefix}sweep-orders`,
    ledgerScheduleId: `${prefix}ledger-partitions`,
  };
}
