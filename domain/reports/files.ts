import { z } from 'zod';
import type { Database, Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { isIanaZone } from '../../platform/iana-zone';
import { derivedId } from '../../platform/ids';
import { beginJob, cancelJob, completeJob, createJob, isCancelRequested, readJobInput } from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import { SCHEDULE, type JobView } from '../jobs/types';
import { costReport } from './cost';
import { costCsv, salesCsv } from './csv';
import { insertFile, selectDaysOver, selectFile } from './file-queries';
import { dayAfter } from './rules';
import { dailyReport, monthlyReport, unknownZone } from './sales';
import { REPORT_KINDS, type ReportJob } from './types';

/** As it is stored with the job. */
const storedRequest = z.object({ report: z.enum(REPORT_KINDS), period: z.string(), tz: z.string() });

/**
 * Asks for the file of a report. The same id again is the same job.
 *
 * @throws AppError `UNKNOWN_ZONE`
 */
export function requestReport(
  db: Database,
  { jobId, request, actor }: { jobId: string; request: ReportJob; actor: string },
): Promise<JobView> {
  if (!isIanaZone(request.tz)) throw unknownZone(request.tz);
  return createJob(db, { id: jobId, type: 'report', input: { ...request }, actor });
}

/** So many days are made up for where no worker ran. */
const DAYS_MADE_UP = 7;

/**
 * Asks for the files of days and months that have ended in these time zones, each once, however often it is called. Returns how many days
 * were looked at.
 */
export async function requestDueReports(db: Database, zones: readonly string[]): Promise<number> {
  let looked = 0;
  for (const tz of zones) {
    const days = await selectDaysOver(db, tz, DAYS_MADE_UP);
    for (const day of days) {
      const due: ReportJob[] = [{ report: 'daily', period: day, tz }];
      // The day before the first of a month was the last of one.
      if (dayAfter(day).endsWith('-01'))
        due.push({ report: 'monthly', period: day.slice(0, 'YYYY-MM'.length), tz });
      for (const request of due)
        await requestReport(db, {
          jobId: derivedId('scheduled-report', request.report, request.period, tz),
          request,
          actor: SCHEDULE,
        });
      looked += 1;
    }
  }
  return looked;
}

/**
 * Makes the file of a job and ends it, in one transaction. Repeated, the first file stays. Returns the job.
 *
 * @throws AppError `JOB_NOT_FOUND`; what reports throw
 */
export async function makeReport(db: Database, jobId: string): Promise<JobView> {
  const job = await beginJob(db, jobId);
  if (jobHasEnded(job.status)) return job;
  if (await isCancelRequested(db, jobId)) return cancelJob(db, jobId);
  const request = storedRequest.parse(await readJobInput(db, jobId));
  const csv = await csvOf(db, request);
  const lines = csv.split('\n').length - 2;
  const outcome = { result: { ...request, lines, bytes: Buffer.byteLength(csv) }, file: 'csv' } as const;
  return db.retrying((tx) => completeJob(tx, jobId, outcome, (inner) => insertFile(inner, jobId, csv)));
}

async function csvOf(db: Database, { report, period, tz }: ReportJob): Promise<string> {
  const products = Number.POSITIVE_INFINITY;
  switch (report) {
    case 'daily':
      return salesCsv(await dailyReport(db, { date: period, tz, products }));
    case 'monthly':
      return salesCsv(await monthlyReport(db, { month: period, tz, products }));
    case 'cost-of-goods':
      // It reads a month of the ledger: longer than a statement of the pool may take.
      return costCsv(await db.bulk((tx) => costReport(tx, { month: period, tz })));
  }
}

/** The file of a job. @throws AppError `NOT_FOUND` */
export async function* reportFile(on: Queryable, jobId: string): AsyncGenerator<string> {
  const csv = await selectFile(on, jobId);
  if (csv === undefined) throw new AppError('NOT_FOUND', 'There is no such file.');
  yield csv;
}
