import type { Database, Transaction } from '../../platform/database/database';
import { transactionEndedBy } from '../../platform/database/forced-end';
import { AppError } from '../../platform/errors';
import { beginJob, completeJob, isCancelRequested, readJob, reportProgress } from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import type { JobView } from '../jobs/types';
import { liftStatementLimits, lockUpload, readUpload, setResolved } from '../uploads/uploads';
import { STATEMENT_MODES } from '../uploads/types';
import { forgetMatched, forgetStatement } from './forget';
import { insertBookedEntries, insertDecidedLines } from './decided-queries';
import { matchEntries } from './match';
import { countByClass } from './match-queries';
import { readRequest } from './request';
import { analyzeStaged, countRejects, insertLedgerEntries, insertTransferEntries } from './staged-queries';

/** Statements over whole files: on a connection of their own. */
const LONG = { limits: { outsidePool: true } } as const;

/**
 * Marks a job as running, and writes down what we know of its days, as it is now: whatever is committed later is not compared. Repeated, it
 * leaves what is there.
 *
 * @param force ends the statement that runs
 * @returns false: it has ended, or is to be cancelled
 * @throws AppError `JOB_NOT_FOUND`, `RECONCILIATION_NOT_FOUND`, `FEED_NOT_FOUND`
 */
export async function collectEntries(db: Database, jobId: string, force?: AbortSignal): Promise<boolean> {
  if (jobHasEnded((await beginJob(db, jobId)).status) || (await isCancelRequested(db, jobId))) return false;
  const request = await readRequest(db, jobId);
  const { lines } = await readUpload(db, jobId);
  await reportProgress(db, jobId, { processed: 0, total: lines });
  const collect = async (tx: Transaction) => {
    const upload = await lockUpload(tx, jobId, STATEMENT_MODES);
    if (upload.stage === 'resolved') return upload.rejected;
    await liftStatementLimits(tx);
    await (request.mode === 'gateway'
      ? insertLedgerEntries(tx, upload.id, request)
      : insertTransferEntries(tx, upload.id, request));
    await insertBookedEntries(tx, upload.id, request);
    if (request.mode === 'bank') await insertDecidedLines(tx, upload.id, request);
    await analyzeStaged(tx);
    const rejects = await countRejects(tx, upload.id);
    await setResolved(tx, upload.id, rejects.rejected);
    return rejects.rejected;
  };
  const rejected = await transactionEndedBy(force, db, collect, LONG);
  if (rejected === undefined) return false;
  await reportProgress(db, jobId, { processed: Math.floor(lines / 2), details: { rejected } });
  return !(await isCancelRequested(db, jobId));
}

/**
 * Compares, writes the differences and completes the job, in one transaction: both are there, or neither. Safe to repeat, also where the
 * answer was lost. Null: the statement was ended by `force`, and nothing is written.
 *
 * @throws AppError `JOB_NOT_FOUND`, `RECONCILIATION_NOT_FOUND`, `FEED_NOT_FOUND`; `JOB_ENDED`: it was cancelled meanwhile
 */
export async function compareEntries(
  db: Database,
  jobId: string,
  force?: AbortSignal,
): Promise<JobView | null> {
  const request = await readRequest(db, jobId);
  const compare = async (tx: Transaction) => {
    const upload = await lockUpload(tx, jobId, STATEMENT_MODES);
    const job = await readJob(tx, jobId);
    if (job && jobHasEnded(job.status)) return job;
    await liftStatementLimits(tx);
    const { differences, grouped } = await matchEntries(tx, { feedId: upload.id, request }, jobId);
    await reportProgress(tx, jobId, { processed: upload.lines });
    const result = {
      rows: upload.lines,
      rejected: upload.rejected,
      differences,
      byClass: await countByClass(tx, jobId),
      ...(request.mode === 'bank' ? { grouped } : {}),
      dryRun: request.dryRun,
    };
    const completed = await completeJob(tx, jobId, { result, file: 'csv' });
    // It was cancelled meanwhile: nothing of this stays.
    if (completed.status !== 'completed')
      throw new AppError('JOB_ENDED', `The job is ${completed.status}.`, { jobId });
    return completed;
  };
  return (await transactionEndedBy(force, db, compare, LONG)) ?? null;
}

/** Forgets what was compared, once its job has ended: but the payouts of a gateway that was reconciled. */
export async function forgetCompared(db: Database, jobId: string): Promise<void> {
  const { id, mode } = await readUpload(db, jobId);
  const job = await readJob(db, jobId);
  await (mode === 'gateway' && job?.status === 'completed' ? forgetMatched : forgetStatement)(db, id);
}
