import { ScheduleOverlapPolicy, type ScheduleOptions } from '@temporalio/client';
import type { ReconcileSubject } from '../activities/reconcile';
import type { Settings } from '../platform/config';
import { callFailure } from '../platform/temporal/call-failure';
import type { EngineClient } from '../platform/temporal/engine-client';
import { WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';

/** Settings that say how often something runs. */
export type ScheduleSettings = Pick<
  Settings,
  'RECONCILE_INTERVAL_SECONDS' | 'SEAL_INTERVAL_SECONDS' | 'CONSISTENCY_INTERVAL_SECONDS'
>;

interface Scheduled {
  workflowType: keyof typeof WORKFLOW_TYPES;
  args?: readonly unknown[];
  spec(settings: ScheduleSettings): ScheduleOptions['spec'];
  /** How late a run that was missed is still made up for; a minute unless given. */
  catchupWindow?: '1 hour' | '2 days';
  summary: string;
}

const every = (seconds: number): ScheduleOptions['spec'] => ({ intervals: [{ every: seconds * 1_000 }] });

function reconciles(subject: ReconcileSubject, summary: string): Scheduled {
  return {
    workflowType: 'reconcile',
    args: [{ subject }],
    spec: (settings) => every(settings.RECONCILE_INTERVAL_SECONDS),
    summary,
  };
}

/** Every schedule, by its name: its id, and that of the workflow that it starts. */
export const SCHEDULES: Readonly<Record<string, Scheduled>> = {
  'reconcile-orders': reconciles('orders', 'Starts again the saga of any open order that has none'),
  'reconcile-transfers': reconciles(
    'transfers',
    'Starts again the workflow of any open transfer that has none',
  ),
  'reconcile-jobs': reconciles('jobs', 'Starts again the workflow of any open job that has none'),
  'reconcile-returns': reconciles('returns', 'Starts again the workflow of any overdue return that has none'),
  'reconcile-standing': reconciles(
    'standing',
    'Starts again the workflows that always run; looks again at those that did not go on',
  ),
  'seal-ledger': {
    workflowType: 'ledgerSeal',
    spec: (settings) => every(settings.SEAL_INTERVAL_SECONDS),
    summary: 'Seals the rows of the ledger that nothing can be added to any more',
  },
  'verify-consistency': {
    workflowType: 'scheduledConsistency',
    spec: (settings) => every(settings.CONSISTENCY_INTERVAL_SECONDS),
    // So one run at once after a time in which everything was off.
    catchupWindow: '2 days',
    summary: 'Asks for an incremental check of stock, ledger, reservations, orders and workflows',
  },
  'ended-reports': {
    workflowType: 'scheduledReports',
    // Some minutes after each hour: days end then, or at the half or quarter of one.
    spec: () => ({ intervals: [{ every: 3_600_000, offset: 300_000 }] }),
    catchupWindow: '1 hour',
    summary: 'Asks for files of reports of days and months that have ended, where REPORT_ZONES says so',
  },
  'nightly-forecast': {
    workflowType: 'scheduledForecast',
    spec: () => ({ calendars: [{ hour: 2, minute: 23, comment: 'daily' }] }),
    catchupWindow: '2 days',
    summary: 'Asks for forecasts of all products',
  },
  'ledger-partitions': {
    workflowType: 'ledgerMaintenance',
    spec: () => ({ calendars: [{ hour: 3, minute: 17, comment: 'daily' }] }),
    catchupWindow: '2 days',
    summary: "Makes the ledger's partitions of the months to come; drops those older than the retention",
  },
  'stock-upkeep': {
    workflowType: 'stockUpkeep',
    // Ten seconds after midnight UTC, when lots expire: PostgreSQL's clock may be a little behind.
    spec: () => ({ intervals: [{ every: 600_000, offset: 10_000 }] }),
    catchupWindow: '1 hour',
    summary:
      'Takes expired and recalled lots out of sale, tells of those that expire soon; removes uploads that broke off and old rows',
  },
};

/** Schedules of earlier versions, which would start workflows that no worker knows any more. */
export const RETIRED_SCHEDULES: readonly string[] = ['sweep-orders', 'sweep-transfers', 'sweep-jobs'];

/**
 * Makes the schedules, or brings existing ones to the present settings, and removes retired ones. Safe to run by every worker that
 * starts.
 */
export async function ensureSchedules(
  engine: EngineClient,
  names: EngineNames,
  settings: ScheduleSettings,
): Promise<void> {
  for (const [name, scheduled] of Object.entries(SCHEDULES)) {
    const scheduleId = names.scheduleId(name);
    await madeWithPatience(engine, {
      scheduleId,
      spec: scheduled.spec(settings),
      policies: {
        overlap: ScheduleOverlapPolicy.SKIP,
        catchupWindow: scheduled.catchupWindow ?? '1 minute',
      },
      action: {
        type: 'startWorkflow',
        workflowType: WORKFLOW_TYPES[scheduled.workflowType],
        workflowId: scheduleId,
        taskQueue: names.jobsQueue,
        args: [...(scheduled.args ?? [])],
        staticSummary: scheduled.summary,
      },
    });
  }
  for (const name of RETIRED_SCHEDULES) await engine.deleteSchedule(names.scheduleId(name));
}

/** So often a schedule is made where Temporal gives no answer in time, as a server that has just started may on a slow machine. */
const TRIES = 3;

/** Making a schedule that is there is no fault: a try that was given up may have arrived. */
async function madeWithPatience(engine: EngineClient, schedule: ScheduleOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await engine.ensureSchedule(schedule);
      return;
    } catch (error) {
      if (attempt === TRIES || callFailure(error) !== 'away') throw error;
    }
  }
}
