import type { Database, Transaction } from '../../../platform/database/database';
import { isSubjectsOwn } from '../../../platform/errors';
import { cancelJob, completeJob, failJob, readJob, reportProgress } from '../../jobs/jobs';
import type { JobView } from '../../jobs/types';
import { countRejects, selectUnnamedUnits } from './lot-queries';
import {
  addRejected,
  closeLanes,
  liftStatementLimits,
  rejectUnreadable,
  selectFeed,
  selectFeedForUpdate,
} from './queries';
import { forgetStaged, readFeedState } from './resolve';

export type FeedEnding =
  { as: 'completed' | 'cancelled' } | { as: 'failed'; error: { code: string; detail: string } };

/**
 * Ends the job of a feed with what has become of its rows, and forgets the staged ones; the rejects stay to be downloaded. One
 * of which not all was read has failed, whatever became of the rest.
 * The first end stays. A batch of a run that was terminated may be under way: it is counted, and none begins after it.
 *
 * @returns the job's result: rows `applied`, `unchanged`, `rejected`, `left`, whole `seconds` and `rowsPerSecond`; where a `set` feed
 *   names lots, in `lots` what else is on hand at those places, and in `rowsWithoutLot` how many rows name none and should
 * @throws AppError `FEED_NOT_FOUND`, `JOB_NOT_FOUND`
 */
export async function finishFeed(
  db: Database,
  jobId: string,
  ending: FeedEnding,
): Promise<Readonly<Record<string, unknown>>> {
  const { id } = await readFeedState(db, jobId);
  await keepUnreadable(db, jobId);
  const job = await db.retrying(async (tx) => {
    await closeLanes(tx, id);
    // All of it is staged as long as the job has not ended.
    return end(tx, jobId, ending, await lotsOf(tx, jobId));
  });
  await forgetStaged(db, id);
  return job.result ?? {};
}

/** A feed that ends before its keys were looked up has the rejects of its reading among the staged rows. */
async function keepUnreadable(db: Database, jobId: string): Promise<void> {
  try {
    await db.retrying(async (tx) => {
      const feed = await selectFeedForUpdate(tx, jobId);
      if (feed?.stage !== 'staged') return;
      await addRejected(tx, feed.id, await rejectUnreadable(tx, feed.id));
    });
  } catch (error) {
    // That may be what the feed fails for: it ends without them.
    if (!isSubjectsOwn(error)) throw error;
  }
}

/** Places and lots of which the result gives the numbers one by one. */
const SHOWN = 20;

/** What the result of a `set` feed says of lots: nothing where it names none and none were missing. */
async function lotsOf(tx: Transaction, jobId: string): Promise<Readonly<Record<string, unknown>>> {
  const feed = await selectFeed(tx, jobId);
  if (feed?.mode !== 'set') return {};
  const rowsWithoutLot = feed.rejected > 0 ? await countRejects(tx, feed.id, 'LOT_MISSING') : 0;
  if (feed.lotLines > 0) await liftStatementLimits(tx);
  const lots = feed.lotLines > 0 ? await selectUnnamedUnits(tx, feed.id, SHOWN) : undefined;
  return { ...(rowsWithoutLot > 0 ? { rowsWithoutLot } : {}), ...(lots ? { lots } : {}) };
}

async function end(
  tx: Transaction,
  jobId: string,
  ending: FeedEnding,
  lots: Readonly<Record<string, unknown>>,
): Promise<JobView> {
  const feed = await selectFeed(tx, jobId);
  const { applied, unchanged, rejected, lines, unreadFrom } = feed ?? NOTHING;
  const processed = applied + unchanged + rejected;
  await reportProgress(tx, jobId, { processed, total: lines, details: { applied, unchanged, rejected } });
  const job = await readJob(tx, jobId);
  const rowsPerSecond = job?.rowsPerSecond ?? 0;
  const seconds = rowsPerSecond > 0 ? Math.round((processed / rowsPerSecond) * 10) / 10 : 0;
  const result = {
    applied,
    unchanged,
    rejected,
    left: lines - processed,
    seconds,
    rowsPerSecond,
    ...(unreadFrom === null ? {} : { unreadFrom }),
    ...lots,
  };
  const outcome = { result, file: 'csv' } as const;
  if (ending.as === 'failed') return failJob(tx, jobId, ending.error, outcome);
  if (ending.as === 'completed' && unreadFrom !== null)
    return failJob(tx, jobId, quoteUnclosed(unreadFrom), outcome);
  return ending.as === 'cancelled' ? cancelJob(tx, jobId, outcome) : completeJob(tx, jobId, outcome);
}

const NOTHING = { applied: 0, unchanged: 0, rejected: 0, lines: 0, unreadFrom: null };

function quoteUnclosed(line: number): { code: string; detail: string } {
  return {
    code: 'FEED_QUOTE_UNCLOSED',
    detail: `A quote in line ${line} is not closed. The rows before it were read; nothing was read from there on. Close the quote and send the feed from line ${line} on.`,
  };
}
