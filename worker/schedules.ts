import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from '@temporalio/client';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/names';

const CALL_DEADLINE_MS = 10_000;

/** Makes the schedules, or brings existing ones to the present settings. Safe to run by every worker that starts. */
export async function ensureSchedules(
  client: Client,
  names: EngineNames,
  settings: { sweepIntervalSeconds: number; sealIntervalSeconds: number; consistencyIntervalSeconds: number },
): Promise<void> {
  await ensureSchedule(client, {
    scheduleId: names.sweepScheduleId,
    spec: { intervals: [{ every: settings.sweepIntervalSeconds * 1_000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.orderSweep,
      workflowId: names.sweepScheduleId,
      taskQueue: names.jobsQueue,
      staticSummary: 'Starts again the saga of any open order that has none',
    },
  });
  await ensureSchedule(client, {
    scheduleId: names.sealScheduleId,
    spec: { intervals: [{ every: settings.sealIntervalSeconds * 1_000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.ledgerSeal,
      workflowId: names.sealScheduleId,
      taskQueue: names.jobsQueue,
      staticSummary: 'Seals the rows of the ledger that nothing can be added to any more',
    },
  });
  await ensureSchedule(client, {
    scheduleId: names.consistencyScheduleId,
    spec: { intervals: [{ every: settings.consistencyIntervalSeconds * 1_000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.scheduledConsistency,
      workflowId: names.consistencyScheduleId,
      taskQueue: names.jobsQueue,
      staticSummary: 'Asks for an incremental check of stock, ledger, holds, orders and workflows',
    },
  });
  await ensureSchedule(client, {
    scheduleId: names.ledgerScheduleId,
    spec: { calendars: [{ hour: 3, minute: 17, comment: 'daily' }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '2 days' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.ledgerMaintenance,
      workflowId: names.ledgerScheduleId,
      taskQueue: names.jobsQueue,
      staticSummary:
        "Makes the ledger's partitions of the months to come; drops those older than the retention",
    },
  });
  await ensureSchedule(client, {
    scheduleId: names.transferSweepScheduleId,
    spec: { intervals: [{ every: settings.sweepIntervalSeconds * 1_000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.transferSweep,
      workflowId: names.transferSweepScheduleId,
      taskQueue: names.jobsQueue,
      staticSummary: 'Starts again the workflow of any open transfer that has none',
    },
  });
  await ensureSchedule(client, {
    scheduleId: names.stockUpkeepScheduleId,
    spec: { intervals: [{ every: '1 hour' }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.stockUpkeep,
      workflowId: names.stockUpkeepScheduleId,
      taskQueue: names.jobsQueue,
      staticSummary:
        'Takes expired lots out of sale; starts again the workflow of any overdue return that has none',
    },
  });
}

async function ensureSchedule(client: Client, options: ScheduleOptions): Promise<void> {
  const bounded = <T>(call: () => Promise<T>) => client.withDeadline(Date.now() + CALL_DEADLINE_MS, call);
  try {
    await bounded(() => client.schedule.create(options));
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action, policies } = options;
    // The state stays as it is: an operator may have paused it.
    await bounded(() =>
      client.schedule.getHandle(options.scheduleId).update((previous) => ({
        state: previous.state,
        spec,
        policies,
        action: { ...previous.action, ...action },
      })),
    );
  }
}
