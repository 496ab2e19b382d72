import type { Database, Transaction } from '../../platform/database/database';
import { transactionEndedBy } from '../../platform/database/forced-end';
import { dropUnlessKept, keepFile } from '../files/stored-files';
import type { FileStore } from '../files/types';
import { abandonJob, beginJob, completeJob, isCancelRequested, readJob, reportProgress } from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import type { JobView } from '../jobs/types';
import { cutOf } from '../money/cut';
import { writeSettlementFile } from './file';
import {
  deleteParts,
  deleteSums,
  existsLater,
  lockCuts,
  lockEnds,
  selectRowsRead,
  selectRunForUpdate,
  selectSummedBase,
  updateBase,
  updateCut,
} from './queries';
import { partsOf } from './rules';
import { insertParts, selectParts, sumDays, sumLate } from './sum-queries';
import { settleDays, settleDaysOfNewMerchants } from './settled-day-queries';

/** The part of what came late. */
const LATE = 0;
/** Days of all merchants, and rows that are counted, may be more than fit in the time of a statement of the pool. */
const LONG = { outsidePool: true } as const;

/**
 * Marks a job as running and fixes what it sees: rows that are committed now, whatever is committed later. Returns the numbers of its parts,
 * which may be summed at once; null: it has ended. Repeated, it goes on from where it was.
 *
 * @param parts into how many its days are parted at most
 * @throws AppError `JOB_NOT_FOUND`
 */
export async function beginSettlement(db: Database, jobId: string, parts: number): Promise<number[] | null> {
  if (jobHasEnded((await beginJob(db, jobId)).status)) return null;
  await db.retrying(async (tx) => {
    await lockCuts(tx);
    const run = await selectRunForUpdate(tx, jobId);
    if (run.cut === null) await updateCut(tx, jobId, await cutOf(tx));
    if (run.base === null) await beginSums(tx, jobId, { ...run, parts });
  }, LONG);
  const found = await db.retrying((tx) => selectParts(tx, jobId), LONG);
  await reportProgress(db, jobId, { processed: await selectRowsRead(db, jobId), total: found.total });
  return found.parts;
}

async function beginSums(
  tx: Transaction,
  jobId: string,
  { from, to, currency, parts }: { from: string; to: string; currency: string | null; parts: number },
): Promise<void> {
  await updateBase(tx, jobId);
  await deleteParts(tx, jobId);
  await deleteSums(tx, jobId);
  await settleDaysOfNewMerchants(tx, jobId);
  if (currency !== null) await insertParts(tx, jobId, partsOf({ from, to }, parts));
}

export interface PartDeps {
  db: Database;
  /** Rows of one statement. */
  batch: number;
  /** Ends after the batch that is under way. */
  signal?: AbortSignal;
  /** Ends the statement that runs. */
  force?: AbortSignal;
  /** Called after each batch. */
  onBatch?: () => void;
}

/** Sums a part of a run to its end, batch by batch; what was summed before is not summed again. Returns whether it is done. */
export async function sumPart(
  deps: PartDeps,
  { jobId, part }: { jobId: string; part: number },
): Promise<boolean> {
  const { db, batch, signal, force } = deps;
  const sum = part === LATE ? sumLate : sumDays;
  while (!signal?.aborted) {
    const isDone = await transactionEndedBy(force, db, (tx) => sum(tx, { jobId, part, batch }));
    if (isDone !== false) return isDone ?? false;
    deps.onBatch?.();
  }
  return false;
}

/** Tells how many rows have been read, and `details` of the job. Returns whether the job is to be cancelled. */
export async function reportSummed(
  db: Database,
  jobId: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<boolean> {
  await reportProgress(db, jobId, { processed: await selectRowsRead(db, jobId), details });
  return isCancelRequested(db, jobId);
}

export interface FinishDeps {
  db: Database;
  /** Where its file is written; null: it is made from the database each time it is read. */
  store: FileStore | null;
  /** As of `beginSettlement`. */
  parts: number;
}

/**
 * Ends a run whose parts are all done: its file stands, and its days are settled, in one transaction. Null: they are not, or not any more,
 * since another run about the same money has ended meanwhile: the run is to be begun and summed anew. Safe to repeat, also where the
 * answer was lost.
 *
 * @throws AppError `FILE_STORE_UNAVAILABLE`: nothing is lost, and it may be tried again
 */
export async function finishSettlement(
  { db, store, parts }: FinishDeps,
  jobId: string,
): Promise<JobView | null> {
  const before = await readJob(db, jobId);
  if (before && jobHasEnded(before.status)) return before;
  const base = await selectSummedBase(db, jobId);
  if (base === null) return null;
  const { content, stored } = await writeSettlementFile(db, store, jobId);
  try {
    return await db.retrying(async (tx) => {
      await lockEnds(tx);
      const run = await selectRunForUpdate(tx, jobId);
      const job = await readJob(tx, jobId);
      if (job && jobHasEnded(job.status)) return job;
      // An earlier try has begun the sums anew, or another one while this one read the lines: each time by a later base.
      if (run.base !== base) return null;
      if (await existsLater(tx, jobId)) {
        await beginSums(tx, jobId, { ...run, parts });
        return null;
      }
      const { from, to, currency, cut } = run;
      const result = { from, to, currency, cut, ...content, ...(stored && { location: stored.location }) };
      return completeJob(tx, jobId, { result, file: 'csv' }, async (inner) => {
        await settleDays(inner, jobId);
        await deleteParts(inner, jobId);
        if (stored) await keepFile(inner, stored, content.sha256);
      });
    }, LONG);
  } finally {
    // Where the job has another file, or none yet.
    if (stored) await dropUnlessKept(db, stored.id).catch(() => undefined);
  }
}

/** Ends a run that was cancelled, or cannot go on: it has no file, and settles nothing. */
export function abandonSettlement(
  db: Database,
  jobId: string,
  error: { code: string; detail: string } | null,
): Promise<JobView> {
  return db.retrying(async (tx) => {
    const job = await abandonJob(tx, jobId, error);
    if (job.status === 'completed') return job;
    await deleteParts(tx, jobId);
    await deleteSums(tx, jobId);
    return job;
  });
}
