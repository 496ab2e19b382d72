import type { Database, Transaction } from '../../platform/database/database';
import { isSubjectsOwn } from '../../platform/errors';
import { cancelJob, completeJob, failJob, readJob, reportProgress } from '../jobs/jobs';
import type { JobView } from '../jobs/types';
import { readUpload } from './uploads';
import { addRejected, closeLanes, selectUpload, selectUploadForUpdate, type LockedUpload } from './queries';
import { shownCounts } from './rules';
import type { UploadState } from './types';
import type { ForgetRows } from './receiving';

export type UploadEnding =
  { as: 'completed' | 'cancelled' } | { as: 'failed'; error: { code: string; detail: string } };

/** How the rows of a kind of upload are ended. */
export interface RowsEnd {
  /** Keeps what could not be read as rejects; returns how many are not counted yet. */
  rejectUnreadable(tx: Transaction, upload: LockedUpload): Promise<number>;
  /** What else the result says of the upload. */
  notesOn?(tx: Transaction, jobId: string): Promise<Readonly<Record<string, unknown>>>;
  /** Forgets the staged rows; the rejects stay. */
  forget: ForgetRows;
}

/**
 * Ends the job of an upload with what has become of its rows, and forgets the staged ones; the rejects stay to be downloaded. One
 * of which not all was read has failed, whatever became of the rest.
 * The first end stays. A batch of a run that was terminated may be under way: it is counted, and none begins after it.
 *
 * @returns the job's result: rows by what became of them (`shownCounts`), `left`, whole `seconds` and `rowsPerSecond`
 * @throws AppError `FEED_NOT_FOUND`, `JOB_NOT_FOUND`
 */
export async function finishUpload(
  db: Database,
  jobId: string,
  ending: UploadEnding,
  rows: RowsEnd,
): Promise<Readonly<Record<string, unknown>>> {
  const { id } = await readUpload(db, jobId);
  await keepUnreadable(db, jobId, rows);
  const job = await db.retrying((tx) => end(tx, { feedId: id, jobId }, ending, rows));
  await rows.forget(db, id);
  return job.result ?? {};
}

/** An upload that ends before its keys were looked up has the rejects of its reading among the staged rows. */
async function keepUnreadable(db: Database, jobId: string, rows: RowsEnd): Promise<void> {
  try {
    await db.retrying(async (tx) => {
      const upload = await selectUploadForUpdate(tx, jobId);
      if (upload?.stage !== 'staged') return;
      await addRejected(tx, upload.id, await rows.rejectUnreadable(tx, upload));
    });
  } catch (error) {
    // That may be what the upload fails for: it ends without them.
    if (!isSubjectsOwn(error)) throw error;
  }
}

async function end(
  tx: Transaction,
  { feedId, jobId }: { feedId: number; jobId: string },
  ending: UploadEnding,
  rows: RowsEnd,
): Promise<JobView> {
  await closeLanes(tx, feedId);
  const upload = (await selectUpload(tx, jobId)) ?? NOTHING;
  const { applied, unchanged, rejected, lines, unreadFrom } = upload;
  const processed = applied + unchanged + rejected;
  const counts = shownCounts(upload);
  await reportProgress(tx, jobId, { processed, total: lines, details: counts });
  const job = await readJob(tx, jobId);
  const rowsPerSecond = job?.rowsPerSecond ?? 0;
  const seconds = rowsPerSecond > 0 ? Math.round((processed / rowsPerSecond) * 10) / 10 : 0;
  const result = {
    ...counts,
    left: lines - processed,
    seconds,
    rowsPerSecond,
    ...(unreadFrom === null ? {} : { unreadFrom }),
    ...(await rows.notesOn?.(tx, jobId)),
  };
  const outcome = { result, file: 'csv' } as const;
  if (ending.as === 'failed') return failJob(tx, jobId, ending.error, outcome);
  if (ending.as === 'completed' && unreadFrom !== null)
    return failJob(tx, jobId, quoteUnclosed(unreadFrom), outcome);
  return ending.as === 'cancelled' ? cancelJob(tx, jobId, outcome) : completeJob(tx, jobId, outcome);
}

const NOTHING: Omit<UploadState, 'id' | 'stage' | 'openLanes'> = {
  mode: 'set',
  applied: 0,
  added: 0,
  unchanged: 0,
  rejected: 0,
  lines: 0,
  lotLines: 0,
  unreadFrom: null,
};

function quoteUnclosed(line: number): { code: string; detail: string } {
  return {
    code: 'FEED_QUOTE_UNCLOSED',
    detail: `A quote in line ${line} is not closed. The rows before it were read; nothing was read from there on. Close the quote and send the file from line ${line} on.`,
  };
}
