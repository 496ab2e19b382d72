import { Context } from '@temporalio/activity';
import { failJob, listRestingJobs, readJob } from '../domain/jobs/jobs';
import { jobHasEnded } from '../domain/jobs/rules';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import type { PagePosition } from '../platform/database/pages';

export interface JobSweepResult {
  looked: number;
  restarted: number;
  failed: number;
}

/** What became of a workflow. Gone: terminated, timed out, cancelled, or not known. */
export type WorkflowState = 'running' | 'completed' | 'failed' | 'gone';

export interface JobActivities {
  /**
   * Starts the workflow of every job that has not ended and has none; one that lives is left alone, however slow it is. A
   * workflow that has failed would fail again: its job, which it should have ended, is ended as failed.
   */
  sweepJobs(): Promise<JobSweepResult>;
}

export interface JobDependencies {
  db: Database;
  /** By the engine's own record, never by visibility, which lags. */
  describe(jobId: string): Promise<WorkflowState>;
  /** Starts the workflow of a job that has not ended; one that runs is left alone. */
  start(jobId: string): Promise<void>;
  /** A job that is younger than this, or began later, is not looked at. */
  graceSeconds: number;
  log: Logger;
}

const BATCH = 100;

const WORKFLOW_FAILED = {
  code: 'WORKFLOW_FAILED',
  detail: 'The workflow of this job has failed without telling why; its history does.',
};

export function createJobActivities({
  db,
  describe,
  start,
  graceSeconds,
  log,
}: JobDependencies): JobActivities {
  /** Its workflow may have ended it, and itself, since it was found. */
  async function isDone(jobId: string): Promise<boolean> {
    const job = await readJob(db, jobId);
    return !job || jobHasEnded(job.status);
  }

  return {
    async sweepJobs() {
      const result = { looked: 0, restarted: 0, failed: 0 };
      let after: PagePosition | undefined;
      for (;;) {
        const suspects = await listRestingJobs(db, { graceSeconds, after, limit: BATCH });
        for (const { id: jobId } of suspects) {
          // Each may take the engine's whole deadline.
          Context.current().heartbeat(result);
          result.looked += 1;
          const state = await describe(jobId);
          if (state === 'running' || (await isDone(jobId))) continue;
          if (state === 'failed') {
            log.error(
              { jobId },
              'the workflow of a job has failed and left it open; the job is ended as failed',
            );
            await failJob(db, jobId, WORKFLOW_FAILED);
            result.failed += 1;
          } else {
            // A workflow that completed and left its job open is a defect of ours, or the database was set back.
            log[state === 'completed' ? 'error' : 'warn'](
              { jobId, state },
              'a job has not ended and has no workflow; it is started again',
            );
            await start(jobId);
            result.restarted += 1;
          }
        }
        if (suspects.length < BATCH) return result;
        after = suspects.at(-1);
      }
    },
  };
}
