import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Database } from '../../platform/database/database';
import { dayAfter } from '../../platform/days';
import { AppError, isAppError } from '../../platform/errors';
import { derivedId } from '../../platform/ids';
import { piecesOf } from '../files/probe';
import { dropUnlessKept, keepFile, openFile, writeFile } from '../files/stored-files';
import type { FileSource, FileStore, WrittenFile } from '../files/types';
import {
  beginJob,
  cancelJob,
  completeJob,
  createJob,
  isCancelRequested,
  readJob,
  readJobInput,
  reportProgress,
} from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import { SCHEDULE, type JobView } from '../jobs/types';
import { costReport } from './cost';
import { costCsv, salesCsv } from './csv';
import { insertFile, selectDaysOver, selectFile } from './file-queries';
import { dailyReport, monthlyReport } from './sales';
import { REPORT_KINDS, type ReportJob } from './types';
import { expectZone } from './zones';

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
  expectZone(request.tz);
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
 * Makes the file of a job, writes it to the store and ends the job. Without a store it is kept in the database, with the end of the job.
 * Repeated, the first file stays. Returns the job.
 *
 * @throws AppError `JOB_NOT_FOUND`; `FILE_STORE_UNAVAILABLE`: the job says so in `details.fileStore`, and it may be tried again; what reports
 *   throw
 */
export async function makeReport(
  { db, store }: { db: Database; store: FileStore | null },
  jobId: string,
): Promise<JobView> {
  const job = await beginJob(db, jobId);
  if (jobHasEnded(job.status)) return job;
  if (await isCancelRequested(db, jobId)) return cancelJob(db, jobId);
  const request = storedRequest.parse(await readJobInput(db, jobId));
  const bytes = Buffer.from(await csvOf(db, request));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const stored = store && (await writeToStore(db, store, { jobId, bytes }));
  const lines = bytes.toString().split('\n').length - 2;
  const result = {
    ...{ ...request, lines, bytes: bytes.length, sha256 },
    ...(stored && { location: stored.location }),
  };
  try {
    return await db.retrying((tx) =>
      completeJob(tx, jobId, { result, file: 'csv' }, (inner) =>
        stored ? keepFile(inner, stored, sha256) : insertFile(inner, jobId, bytes.toString()),
      ),
    );
  } finally {
    // Where the job has another file, or was cancelled.
    if (stored) await dropUnlessKept(db, stored.id).catch(() => undefined);
  }
}

async function writeToStore(
  db: Database,
  store: FileStore,
  { jobId, bytes }: { jobId: string; bytes: Buffer },
): Promise<WrittenFile> {
  const tell = (fileStore: string | null) =>
    reportProgress(db, jobId, { processed: 0, details: { fileStore } });
  try {
    const stored = await writeFile(db, store, { jobId, extension: 'csv', pieces: piecesOf(bytes) });
    await tell(null);
    return stored;
  } catch (error) {
    if (isAppError(error, 'FILE_STORE_UNAVAILABLE')) await tell(error.message);
    throw error;
  }
}

async function csvOf(db: Database, { report, period, tz }: ReportJob): Promise<string> {
  const products = Number.POSITIVE_INFINITY;
  switch (report) {
    case 'daily':
      return salesCsv(await dailyReport(db, { date: period, tz, products }));
    case 'monthly':
      return salesCsv(await monthlyReport(db, { month: period, tz, products }));
    case 'cost-of-goods':
      return costCsv(await costReport(db, { month: period, tz }));
  }
}

/**
 * The file of a job, from the store, or from the database where it is kept there.
 *
 * @throws AppError `NOT_FOUND`; `FILE_STORE_UNAVAILABLE`, also where the file is in another store than the one that is set up. While it is
 *   read: Error, before its end, where its bytes are not those that were written
 */
export async function* reportFile({ on, store }: FileSource, jobId: string): AsyncGenerator<Buffer | string> {
  const stored = store && (await openFile(on, store, jobId));
  if (stored) {
    yield* stored;
    return;
  }
  const csv = await selectFile(on, jobId);
  if (csv !== undefined) {
    yield csv;
    return;
  }
  const location = (await readJob(on, jobId))?.result?.['location'];
  if (typeof location !== 'string') throw new AppError('NOT_FOUND', 'There is no such file.');
  throw new AppError(
    'FILE_STORE_UNAVAILABLE',
    `The file is at ${location}, which FILE_STORE does not name any more.`,
  );
}
