import type { JobType } from '../../domain/jobs/types';

/** Names that clients and workers must agree on. Search attribute and type names are also what operators filter by. */

export const WORKFLOW_TYPES = {
  orderSaga: 'orderSaga',
  shipmentDispatcher: 'shipmentDispatcher',
  orderSweep: 'orderSweep',
  ledgerMaintenance: 'ledgerMaintenance',
  reservationExpiry: 'reservationExpiry',
  stockTransfer: 'stockTransfer',
  transferSweep: 'transferSweep',
  jobSweep: 'jobSweep',
  customerReturn: 'customerReturn',
  stockUpkeep: 'stockUpkeep',
  feedImport: 'feedImport',
  consistencyCheck: 'consistencyCheck',
  scheduledConsistency: 'scheduledConsistency',
  ledgerSeal: 'ledgerSeal',
} as const;

/** The workflow of each type of job. */
export const JOB_WORKFLOW_TYPES = {
  feed: WORKFLOW_TYPES.feedImport,
  consistency: WORKFLOW_TYPES.consistencyCheck,
  settlement: 'settlement',
} as const satisfies Record<JobType, string>;

export const TASK_QUEUES = { orders: 'orders', jobs: 'jobs' } as const;

/**
 * Ids and queues of one installation. Several installations may share a namespace (tests do) by a prefix of their own.
 */
export interface EngineNames {
  ordersQueue: string;
  jobsQueue: string;
  orderWorkflowId(orderId: string): string;
  jobWorkflowId(jobId: string): string;
  transferWorkflowId(transferId: string): string;
  returnWorkflowId(returnId: string): string;
  dispatcherWorkflowId: string;
  reservationExpiryWorkflowId: string;
  sweepScheduleId: string;
  ledgerScheduleId: string;
  sealScheduleId: string;
  consistencyScheduleId: string;
  transferSweepScheduleId: string;
  jobSweepScheduleId: string;
  stockUpkeepScheduleId: string;
}

export function engineNames(prefix = ''): EngineNames {
  return {
    ordersQueue: `${prefix}${TASK_QUEUES.orders}`,
    jobsQueue: `${prefix}${TASK_QUEUES.jobs}`,
    orderWorkflowId: (orderId) => `${prefix}order:${orderId}`,
    jobWorkflowId: (jobId) => `${prefix}job:${jobId}`,
    returnWorkflowId: (returnId) => `${prefix}return:${returnId}`,
    transferWorkflowId: (transferId) => `${prefix}transfer:${transferId}`,
    dispatcherWorkflowId: `${prefix}shipment-dispatcher`,
    reservationExpiryWorkflowId: `${prefix}hold-expiry`,
    sweepScheduleId: `${prefix}sweep-orders`,
    ledgerScheduleId: `${prefix}ledger-partitions`,
    sealScheduleId: `${prefix}seal-ledger`,
    consistencyScheduleId: `${prefix}verify-consistency`,
    stockUpkeepScheduleId: `${prefix}stock-upkeep`,
    transferSweepScheduleId: `${prefix}sweep-transfers`,
    jobSweepScheduleId: `${prefix}sweep-jobs`,
  };
}
