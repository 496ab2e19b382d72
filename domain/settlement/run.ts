import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { sqlState } from '../../platform/errors';
import { minorDigits } from '../catalog/currencies';
import {
  beginJob,
  cancelJob,
  completeJob,
  failJob,
  isCancelRequested,
  readJob,
  reportProgress,
} from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import type { JobView } from '../jobs/types';
import { HEADER, lineOf } from './lines';
import {
  cancelStatement,
  deleteParts,
  deleteSums,
  existsLater,
  insertParts,
  lockEnds,
  lockRuns,
  selectBackend,
  selectCurrency,
  selectLines,
  selectParts,
  selectRowsRead,
  selectRunForUpdate,
  selectSummedBase,
  sumDays,
  sumLate,
  updateBase,
  updateCut,
  type Backend,
} from './queries';
import { partsOf } from './rules';
import { settleDays, settleDaysOfNewMerchants } from './settled-day-queries';

/** The part of what came late. */
const LATE = 0;
const PAGE = 5_000;
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
    await lockRuns(tx);
    const run = await selectRunForUpdate(tx, jobId);
    if (run.cut === null) await updateCut(tx, jobId);
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
  try {
    while (!signal?.aborted && !force?.aborted) {
      const isDone = await transactionEndedBy(force, db, (tx) => sum(tx, { jobId, part, batch }));
      if (isDone) return true;
      deps.onBatch?.();
    }
  } catch (error) {
    if (!force?.aborted || sqlState(error) !== QUERY_CANCELED) throw error;
  }
  return false;
}

const QUERY_CANCELED = '57014';
const CANCEL_AGAIN_MS = 50;

/**
 * A transaction whose statement is ended, from another connection, when `force` is aborted meanwhile: again until the transaction has
 * ended, since a cancellation that comes between two statements is lost.
 */
async function transactionEndedBy<T>(
  force: AbortSignal | undefined,
  db: Database,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  let backend: Backend | null = null;
  const cancel = async () => {
    while (!ended.signal.aborted) {
      if (backend) await cancelStatement(db, backend).catch(() => undefined);
      await delay(CANCEL_AGAIN_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  };
  const onForce = () => void cancel();
  force?.addEventListener('abort', onForce, { once: true });
  try {
    return await db.transaction(async (tx) => {
      backend = await selectBackend(tx);
      return work(tx);
    });
  } finally {
    ended.abort();
    force?.removeEventListener('abort', onForce);
  }
}

/** Tells how many rows have been read. Returns whether the job is to be cancelled. */
export async function reportSummed(db: Database, jobId: string): Promise<boolean> {
  await reportProgress(db, jobId, { processed: await selectRowsRead(db, jobId) });
  return isCancelRequested(db, jobId);
}

/**
 * Ends a run whose parts are all done: its file stands, and its days are settled, in one transaction. Null: they are not, or not any more,
 * since another run about the same money has ended meanwhile: the run is to be begun and summed anew. Safe to repeat, also where the
 * answer was lost.
 *
 * @param parts as of `beginSettlement`
 */
export async function finishSettlement(db: Database, jobId: string, parts: number): Promise<JobView | null> {
  const base = await selectSummedBase(db, jobId);
  const file = await digestOf(db, jobId);
  return db.retrying(async (tx) => {
    await lockEnds(tx);
    const run = await selectRunForUpdate(tx, jobId);
    const job = await readJob(tx, jobId);
    if (job && jobHasEnded(job.status)) return job;
    // An earlier try has begun the sums anew, or another one while this one read the lines: each time by a later base.
    if (base === null || run.base !== base) return null;
    if (await existsLater(tx, jobId)) {
      await beginSums(tx, jobId, { ...run, parts });
      return null;
    }
    const { from, to, currency, cut } = run;
    return completeJob(
      tx,
      jobId,
      { result: { from, to, currency, cut, ...file }, file: 'csv' },
      async (inner) => {
        await settleDays(inner, jobId);
        await deleteParts(inner, jobId);
      },
    );
  }, LONG);
}

/** Ends a run that was cancelled, or cannot go on: it has no file, and settles nothing. */
export function abandonSettlement(
  db: Database,
  jobId: string,
  error: { code: string; detail: string } | null,
): Promise<JobView> {
  return db.retrying(async (tx) => {
    const job = error ? await failJob(tx, jobId, error) : await cancelJob(tx, jobId);
    if (job.status === 'completed') return job;
    await deleteParts(tx, jobId);
    await deleteSums(tx, jobId);
    return job;
  });
}

/** The file of a run as CSV (RFC 4180), by the bytes of merchants' ids, then by day, read page by page as it is taken. */
export async function* settlementCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  const currency = await selectCurrency(on, jobId);
  const digits = currency === null ? 0 : minorDigits(currency);
  yield HEADER;
  let after: { merchant: string; day: string } | null = null;
  for (;;) {
    const lines = await selectLines(on, jobId, { after, limit: PAGE });
    if (lines.length > 0) yield lines.map((line) => lineOf(line, digits)).join('');
    const last = lines.at(-1);
    if (lines.length < PAGE || !last) return;
    after = { merchant: last.merchant, day: last.day };
  }
}

async function digestOf(
  on: Queryable,
  jobId: string,
): Promise<{ lines: number; bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let [lines, bytes] = [-1, 0];
  for await (const piece of settlementCsv(on, jobId)) {
    hash.update(piece);
    bytes += Buffer.byteLength(piece);
    lines += piece.split('\n').length - 1;
  }
  return { lines, bytes, sha256: hash.digest('hex') };
}
