import { Context } from '@temporalio/activity';
import type { UploadEnding } from '../domain/uploads/finish';
import { readUpload } from '../domain/uploads/uploads';
import { shownCounts } from '../domain/uploads/rules';
import type { UploadCounts } from '../domain/uploads/types';
import { beginJob, isCancelRequested, reportProgress } from '../domain/jobs/jobs';
import { jobHasEnded } from '../domain/jobs/rules';
import type { StockAccess } from '../domain/stock/ledger/stock-ledger';
import { isRetryable } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { asFailure, withFailures } from './failure';
import { withHeartbeats } from './heartbeat';
import { createFeedThrottle, isPaused, type FeedThrottleOptions } from './feed-throttle';
import { uploadKind, type UploadKind } from './upload-kinds';

export interface FeedProgress extends UploadCounts {
  /** Rows that were read. */
  total: number;
}

/**
 * `done`: nothing is left. `more`: this slice is over. `paused`: the database is slow or failing, ask again after
 * `pauseMs`. `cancelled`: the job is to be cancelled.
 */
export interface FeedSlice extends FeedProgress {
  state: 'done' | 'more' | 'paused' | 'cancelled';
  pauseMs: number;
  batchRows: number;
}

export interface FeedActivities {
  /** Marks the job as running and looks up what its rows are about. Null: the job has ended already. */
  beginFeed(jobId: string): Promise<FeedProgress | null>;
  /** Applies batches, lanes beside each other, for a while. Repeated after a crash it goes on where the last commit left it. */
  applyFeed(jobId: string): Promise<FeedSlice>;
  /** Ends the job, the first way it is told, and forgets the staged rows. */
  finishFeed(request: { jobId: string; end: UploadEnding }): Promise<Readonly<Record<string, unknown>>>;
}

export interface FeedDeps extends StockAccess {
  /** Batches of one feed under way at once. */
  lanes: number;
  throttle: FeedThrottleOptions;
  log: Logger;
}

const REPORT_MS = 300;
/** An activity that returns now and then lets the workflow say how far it is. */
const SLICE_MS = 20_000;

const PERMANENT = new Set(['FEED_NOT_FOUND', 'JOB_NOT_FOUND']);

export function createFeedActivities({ db, stock, lanes, throttle: options, log }: FeedDeps): FeedActivities {
  // One for all feeds: what is slow is the database, not a feed.
  const throttle = createFeedThrottle(options);

  async function kindOf(jobId: string): Promise<UploadKind> {
    return uploadKind({ db, stock }, (await readUpload(db, jobId)).mode);
  }

  async function report(jobId: string, breaker: 'closed' | 'open'): Promise<FeedProgress> {
    const feed = await readUpload(db, jobId);
    const { applied, unchanged, rejected, lines: total } = feed;
    await reportProgress(db, jobId, {
      processed: applied + unchanged + rejected,
      total,
      details: { ...shownCounts(feed), breaker, batchRows: throttle.rows },
    });
    return { applied, unchanged, rejected, total };
  }

  return withFailures<FeedActivities>(
    {
      async beginFeed(jobId) {
        const job = await beginJob(db, jobId);
        if (jobHasEnded(job.status)) return null;
        const { lines, mode } = await readUpload(db, jobId);
        await reportProgress(db, jobId, { processed: 0, total: lines, details: { breaker: 'closed' } });
        await withHeartbeats(() => uploadKind({ db, stock }, mode).resolve(jobId, lanes));
        return report(jobId, 'closed');
      },

      async applyFeed(jobId) {
        const context = Context.current();
        const until = performance.now() + SLICE_MS;
        let reportedAt = performance.now();
        let state: FeedSlice['state'] = 'done';

        const { openLanes, mode } = await readUpload(db, jobId);
        const kind = uploadKind({ db, stock }, mode);

        async function applyLane(lane: number): Promise<void> {
          const apply = kind.batchesOf(jobId, lane);
          while (state === 'done') {
            const isUnwanted = context.cancellationDetails?.cancelRequested ?? false;
            if (isUnwanted || (await isCancelRequested(db, jobId))) state = 'cancelled';
            // A worker that shuts down leaves the rest to another.
            else if (context.cancellationSignal.aborted || performance.now() > until) state = 'more';
            else {
              const batch = await throttle.run(apply);
              if (performance.now() - reportedAt > REPORT_MS) {
                reportedAt = performance.now();
                context.heartbeat(await report(jobId, 'closed'));
              }
              if (batch.left === 0) return;
            }
          }
        }

        const ends = await withHeartbeats(() => Promise.allSettled(openLanes.map(applyLane)));
        const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
        const [failure] = failures.filter((reason) => !isPaused(reason));
        if (failure !== undefined && !isRetryable(failure)) throw asFailure(failure, PERMANENT);
        if (failure !== undefined)
          log.warn({ err: failure, jobId }, 'a batch of a feed failed; it is done again');
        if (failures.length > 0) state = 'paused';
        const now = await report(jobId, state === 'paused' ? 'open' : 'closed');
        return { ...now, state, pauseMs: options.pauseMs, batchRows: throttle.rows };
      },

      async finishFeed({ jobId, end }) {
        const kind = await kindOf(jobId);
        return withHeartbeats(() => kind.finish(jobId, end));
      },
    },
    PERMANENT,
  );
}
