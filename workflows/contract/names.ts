/** Names that clients and workers must agree on. Search attribute and type names are also what operators filter by. */

export const WORKFLOW_TYPES = {
  orderSaga: 'orderSaga',
  shipmentDispatcher: 'shipmentDispatcher',
  reconcile: 'reconcile',
  ledgerMaintenance: 'ledgerMaintenance',
  reservationExpiry: 'reservationExpiry',
  stockTransfer: 'stockTransfer',
  customerReturn: 'customerReturn',
  stockUpkeep: 'stockUpkeep',
  feedImport: 'feedImport',
  consistencyCheck: 'consistencyCheck',
  scheduledConsistency: 'scheduledConsistency',
  ledgerSeal: 'ledgerSeal',
  webhookDispatcher: 'webhookDispatcher',
  mailDispatcher: 'mailDispatcher',
  settlement: 'settlement',
  report: 'report',
  scheduledReports: 'scheduledReports',
  reconciliation: 'reconciliation',
  forecast: 'forecast',
  scheduledForecast: 'scheduledForecast',
} as const;

export const TASK_QUEUES = { orders: 'orders', payments: 'payments', jobs: 'jobs' } as const;

/**
 * Ids and queues of one installation. Several installations may share a namespace (tests do) by a prefix of their own.
 */
export interface EngineNames {
  ordersQueue: string;
  /** Calls of payment gateways. */
  paymentsQueue: string;
  jobsQueue: string;
  /** Name of Temporal's worker deployment, whose versions are the builds of the workers. */
  deployment: string;
  orderWorkflowId(orderId: string): string;
  jobWorkflowId(jobId: string): string;
  transferWorkflowId(transferId: string): string;
  returnWorkflowId(returnId: string): string;
  dispatcherWorkflowId: string;
  webhookDispatcherWorkflowId: string;
  mailDispatcherWorkflowId: string;
  reservationExpiryWorkflowId: string;
  /** Of a schedule, by its name in `SCHEDULES`; and of the workflow that it starts. */
  scheduleId(name: string): string;
}

export function engineNames(prefix = ''): EngineNames {
  return {
    ordersQueue: `${prefix}${TASK_QUEUES.orders}`,
    paymentsQueue: `${prefix}${TASK_QUEUES.payments}`,
    jobsQueue: `${prefix}${TASK_QUEUES.jobs}`,
    deployment: `${prefix}holdfast`,
    orderWorkflowId: (orderId) => `${prefix}order:${orderId}`,
    jobWorkflowId: (jobId) => `${prefix}job:${jobId}`,
    returnWorkflowId: (returnId) => `${prefix}return:${returnId}`,
    transferWorkflowId: (transferId) => `${prefix}transfer:${transferId}`,
    dispatcherWorkflowId: `${prefix}shipment-dispatcher`,
    webhookDispatcherWorkflowId: `${prefix}webhook-dispatcher`,
    mailDispatcherWorkflowId: `${prefix}mail-dispatcher`,
    reservationExpiryWorkflowId: `${prefix}reservation-expiry`,
    scheduleId: (name) => `${prefix}${name}`,
  };
}

/** The order of a workflow; null: it is not the saga of one. */
export function orderIdOf(names: EngineNames, workflowId: string): string | null {
  const prefix = names.orderWorkflowId('');
  return workflowId.startsWith(prefix) ? workflowId.slice(prefix.length) : null;
}
