import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from '@temporalio/client';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';

const CALL_DEADLINE_MS = 10_000;

interface Scheduled {
  /** Of the schedule, and of the workflow that it starts. */
  id: string;
  spec: ScheduleOptions['spec'];
  /** How late a run that was missed is still made up for; a minute unless given. */
  catchupWindow?: '1 hour' | '2 days';
  workflowType: string;
  summary: string;
}

/** Makes the schedules, or brings existing ones to the present settings. Safe to run by every worker that starts. */
export async function ensureSchedules(
  client: Client,
  names: EngineNames,
  settings: { sweepIntervalSeconds: number; sealIntervalSeconds: number; consistencyIntervalSeconds: number },
): Promise<void> {
  const every = (seconds: number) => ({ intervals: [{ every: seconds * 1_000 }] });
  const schedules: Scheduled[] = [
    {
      id: names.sweepScheduleId,
      spec: every(settings.sweepIntervalSeconds),
      workflowType: WORKFLOW_TYPES.orderSweep,
      summary: 'Starts again the saga of any open order that has none',
    },
    {
      id: names.sealScheduleId,
      spec: every(settings.sealIntervalSeconds),
      workflowType: WORKFLOW_TYPES.ledgerSeal,
      summary: 'Seals the rows of the ledger that nothing can be added to any more',
    },
    {
      id: names.consistencyScheduleId,
      spec: every(settings.consistencyIntervalSeconds),
      workflowType: WORKFLOW_TYPES.scheduledConsistency,
      summary: 'Asks for an incremental check of stock, ledger, holds, orders and workflows',
    },
    {
      id: names.ledgerScheduleId,
      spec: { calendars: [{ hour: 3, minute: 17, comment: 'daily' }] },
      catchupWindow: '2 days',
      workflowType: WORKFLOW_TYPES.ledgerMaintenance,
      summary: "Makes the ledger's partitions of the months to come; drops those older than the retention",
    },
    {
      id: names.transferSweepScheduleId,
      spec: every(settings.sweepIntervalSeconds),
      workflowType: WORKFLOW_TYPES.transferSweep,
      summary: 'Starts again the workflow of any open transfer that has none',
    },
    {
      id: names.jobSweepScheduleId,
      spec: every(settings.sweepIntervalSeconds),
      workflowType: WORKFLOW_TYPES.jobSweep,
      summary: 'Starts again the workflow of any job that has not ended and has none',
    },
    {
      id: names.stockUpkeepScheduleId,
      spec: every(3_600),
      catchupWindow: '1 hour',
      workflowType: WORKFLOW_TYPES.stockUpkeep,
      summary:
        'Takes expired lots out of sale; starts again the workflow of any overdue return that has none',
    },
  ];
  for (const { id, spec, catchupWindow = '1 minute', workflowType, summary } of schedules) {
    await ensureSchedule(client, {
      scheduleId: id,
      spec,
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
      action: {
        type: 'startWorkflow',
        workflowType,
        workflowId: id,
        taskQueue: names.jobsQueue,
        staticSummary: summary,
      },
    });
  }
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
