import { abandonJob } from '../domain/jobs/jobs';
import { collectEntries, compareEntries, forgetCompared } from '../domain/reconciliation/run';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';
import { untilForced } from './forced-end';
import { heartbeating, withHeartbeats } from './heartbeat';
import type { JobEnd } from './job-end';

export interface ReconciliationActivities {
  /** Marks the job as running and writes down what we know. Returns whether it goes on: not where it has ended or is to be cancelled. */
  collectEntries(jobId: string): Promise<boolean>;
  /** Compares both, and completes the job; one whose end is forced meanwhile is cancelled. */
  compareEntries(jobId: string): Promise<Readonly<Record<string, unknown>> | null>;
  /** Forgets what was compared. */
  forgetCompared(jobId: string): Promise<void>;
  /** Ends a job that was cancelled or cannot go on. One that has ended stays as it is. */
  abandonReconciliation(end: JobEnd): Promise<void>;
}

const PERMANENT = new Set(['JOB_NOT_FOUND', 'RECONCILIATION_NOT_FOUND', 'FEED_NOT_FOUND']);

export function createReconciliationActivities({ db }: { db: Database }): ReconciliationActivities {
  return withFailures<ReconciliationActivities>(
    {
      collectEntries: (jobId) => untilForced(db, jobId, (force) => collectEntries(db, jobId, force)),
      async compareEntries(jobId) {
        const compared = await untilForced(db, jobId, (force) => compareEntries(db, jobId, force));
        return (compared ?? (await abandonJob(db, jobId, null))).result;
      },
      forgetCompared: (jobId) => heartbeating(() => forgetCompared(db, jobId)),
      async abandonReconciliation({ jobId, error }) {
        await withHeartbeats(() => abandonJob(db, jobId, error ?? null));
      },
    },
    PERMANENT,
  );
}
