import { Context } from '@temporalio/activity';
import type { DescribeSaga } from '../domain/assurance/checks/workflows';
import { runCheck } from '../domain/assurance/run-check';
import {
  beginConsistencyJob,
  finishConsistencyJob,
  reportChecked,
  requestScheduledCheck,
  type ConsistencyEnd,
  type ConsistencyPlan,
} from '../domain/assurance/job';
import { SEALED_LOGS, sealLog } from '../domain/assurance/seals/sealed-logs';
import { backfillMoney } from '../domain/payments/backfill';
import { sealLedger, type SealResult } from '../domain/assurance/seals/seal';
import type { CheckId, CheckMode } from '../domain/assurance/types';
import { keepBalances } from '../domain/stock/availability/balances';
import { isCancelRequested } from '../domain/jobs/jobs';
import type { Database } from '../platform/database/database';
import { isAppError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { withFailures } from './failure';
import { whileWanted, withHeartbeats } from './heartbeat';

export interface CheckStep {
  jobId: string;
  check: CheckId;
  mode: CheckMode;
  /** Checks of the job that have run before. */
  done: number;
}

export interface ConsistencyActivities {
  /** Marks the job as running. Null: it has ended already. */
  beginConsistency(jobId: string): Promise<ConsistencyPlan | null>;
  /** Runs one check and stores what it finds; one that was run before is not run again. */
  runConsistencyCheck(step: CheckStep): Promise<{ findings: number; cancelled: boolean }>;
  /** Ends the job with what its checks found. */
  finishConsistency(end: ConsistencyEnd): Promise<Readonly<Record<string, unknown>> | null>;
  /** Asks for an incremental check of everything, as a job of its own; once a run of the workflow. */
  requestConsistencyCheck(): Promise<{ jobId: string }>;
  /**
   * Seals what of both ledgers and the audit log no running transaction can add to, then keeps balances of stock rows up to there, and posts
   * money of before the money ledger.
   */
  sealLedgerRows(): Promise<SealResult>;
}

export interface ConsistencyDeps {
  db: Database;
  describe: DescribeSaga;
  /** What is younger than this may be on its way. */
  graceSeconds: number;
  log: Logger;
}

const PERMANENT = new Set(['JOB_NOT_FOUND', 'LEDGER_XIDS_WENT_BACK']);

export function createConsistencyActivities(deps: ConsistencyDeps): ConsistencyActivities {
  const { db, describe, graceSeconds, log } = deps;
  return withFailures<ConsistencyActivities>(
    {
      beginConsistency: (jobId) => beginConsistencyJob(db, jobId),

      async runConsistencyCheck({ jobId, check, mode, done }) {
        if (await isCancelRequested(db, jobId)) return { findings: 0, cancelled: true };
        try {
          return await whileWanted(
            async (signal) => {
              const { findings, severity } = await runCheck(
                { db, describe, signal },
                { jobId, check, mode, graceSeconds },
              );
              if (findings > 0)
                log.warn({ jobId, check, severity, findings }, 'a consistency check has found something');
              return { findings, cancelled: await reportChecked(db, jobId, done + 1) };
            },
            () => isCancelRequested(db, jobId),
          );
        } catch (error) {
          if (!isAppError(error, 'CHECK_CANCELLED')) throw error;
          // Cancelled in the engine, or this worker shuts down: both are told as such.
          Context.current().cancellationSignal.throwIfAborted();
          return { findings: 0, cancelled: true };
        }
      },

      async finishConsistency(end) {
        return (await withHeartbeats(() => finishConsistencyJob(db, end))).result;
      },

      async requestConsistencyCheck() {
        const { workflowExecution } = Context.current().info;
        return { jobId: await requestScheduledCheck(db, workflowExecution?.runId ?? '') };
      },

      sealLedgerRows() {
        const signal = Context.current().cancellationSignal;
        return withHeartbeats(async () => {
          // Seals come first: nothing may delay them.
          const sealed = await sealLedger(db, { signal });
          for (const log of SEALED_LOGS) await sealLog(db, log, { signal });
          await keepBalances(db, signal);
          await backfillMoney(db, signal);
          return sealed;
        });
      },
    },
    PERMANENT,
  );
}
