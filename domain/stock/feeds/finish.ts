import type { Database, Transaction } from '../../../platform/database/database';
import { cancelJob, completeJob, failJob, readJob, reportProgress } from '../../jobs/jobs';
import type { JobView } from '../../jobs/types';
import { closeLanes, selectFeed } from './queries';
import { forgetStaged, readFeedState } from './resolve';

export type FeedEnding =
  { as: 'completed' | 'cancelled' } | { as: 'failed'; error: { code: string; detail: string } };

/**
 * Ends the job of a feed with what has become of its rows, and forgets the staged ones; the rejects stay to be downloaded.
 * The first end stays. A batch of a run that was terminated may be under way: it is counted, and none begins after it.
 *
 * @returns the job's result: rows `applied`, `unchanged`, `rejected`, `left`, whole `seconds` and `rowsPerSecond`
 * @throws AppError `FEED_NOT_FOUND`, `JOB_NOT_FOUND`
 */
export async function finishFeed(
  db: Database,
  jobId: string,
  ending: FeedEnding,
): Promise<Readonly<Record<string, unknown>>> {
  const { id } = await readFeedState(db, jobId);
  const job = await db.retrying((tx) => end(tx, { feedId: id, jobId }, ending));
  await forgetStaged(db, id);
  return job.result ?? {};
}

async function end(
  tx: Transaction,
  { feedId, jobId }: { feedId: number; jobId: string },
  ending: FeedEnding,
): Promise<JobView> {
  await closeLanes(tx, feedId);
  const feed = await selectFeed(tx, jobId);
  const { applied, unchanged, rejected, lines } = feed ?? { applied: 0, unchanged: 0, rejected: 0, lines: 0 };
  const processed = applied + unchanged + rejected;
  await reportProgress(tx, jobId, { processed, total: lines, details: { applied, unchanged, rejected } });
  const job = await readJob(tx, jobId);
  const rowsPerSecond = job?.rowsPerSecond ?? 0;
  const seconds = rowsPerSecond > 0 ? Math.round((processed / rowsPerSecond) * 10) / 10 : 0;
  const result = { applied, unchanged, rejected, left: lines - processed, seconds, rowsPerSecond };
  const outcome = { result, file: 'csv' } as const;
  if (ending.as === 'failed') return failJob(tx, jobId, ending.error, outcome);
  return ending.as === 'cancelled' ? cancelJob(tx, jobId, outcome) : completeJob(tx, jobId, outcome);
}
