import { abandonJob } from '../domain/jobs/jobs';
import type { FileStore } from '../domain/files/types';
import { makeReport, requestDueReports } from '../domain/reports/files';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';
import { withHeartbeats } from './heartbeat';
import type { JobEnd } from './job-end';

export interface ReportActivities {
  /** Makes the file of a job and ends it. Returns its result; null: it was cancelled. */
  makeReport(jobId: string): Promise<Readonly<Record<string, unknown>> | null>;
  /** Ends the job without a file. */
  abandonReport(end: JobEnd): Promise<void>;
  /** Asks for files of days and months that have ended. Returns how many days it looked at. */
  requestDueReports(): Promise<{ days: number }>;
}

const PERMANENT = new Set(['JOB_NOT_FOUND', 'UNKNOWN_ZONE', 'VALIDATION_FAILED']);

/** @param deps.zones time zones whose days have files, as IANA names them */
export function createReportActivities({
  db,
  store,
  zones,
}: {
  db: Database;
  /** Where files are kept; null: in the database. */
  store: FileStore | null;
  zones: readonly string[];
}): ReportActivities {
  return withFailures<ReportActivities>(
    {
      async makeReport(jobId) {
        return (await withHeartbeats(() => makeReport({ db, store }, jobId))).result;
      },
      async abandonReport({ jobId, error }) {
        await withHeartbeats(() => abandonJob(db, jobId, error ?? null));
      },
      async requestDueReports() {
        return { days: await withHeartbeats(() => requestDueReports(db, zones)) };
      },
    },
    PERMANENT,
  );
}
