import { Context } from '@temporalio/activity';
import { isCancelForced, isCancelRequested } from '../domain/jobs/jobs';
import {
  abandonSettlement,
  beginSettlement,
  finishSettlement,
  reportSummed,
  sumPart,
} from '../domain/settlement/run';
import type { FileStore } from '../domain/files/types';
import type { Database } from '../platform/database/database';
import { isAppError } from '../platform/errors';
import { withFailures } from './failure';
import { withHeartbeats } from './heartbeat';
import type { JobEnd } from './job-end';

export interface SettlementActivities {
  /** Marks the job as running. Returns its parts; null: it has ended already. */
  beginSettlement(jobId: string): Promise<number[] | null>;
  /** Sums one part; what was summed before is not summed again. */
  sumSettlementPart(part: { jobId: string; part: number }): Promise<{ cancelled: boolean }>;
  /** Ends the job with its file. `again`: another file has settled some of its money meanwhile, so it is to be summed anew. */
  finishSettlement(
    jobId: string,
  ): Promise<{ again: boolean; result: Readonly<Record<string, unknown>> | null }>;
  /** Ends the job without a file. */
  abandonSettlement(end: JobEnd): Promise<void>;
}

export interface SettlementDeps {
  db: Database;
  /** Into how many parts days are summed at once, and rows of one statement. */
  parts: number;
  batch: number;
  /** Where files are written; null: nowhere. */
  store: FileStore | null;
}

const PERMANENT = new Set(['JOB_NOT_FOUND']);

export function createSettlementActivities({
  db,
  parts,
  batch,
  store,
}: SettlementDeps): SettlementActivities {
  return withFailures<SettlementActivities>(
    {
      beginSettlement: (jobId) => withHeartbeats(() => beginSettlement(db, jobId, parts)),

      async sumSettlementPart({ jobId, part }) {
        const { cancellationSignal } = Context.current();
        const unwanted = new AbortController();
        const force = new AbortController();
        // A database that is away is noticed by the work itself.
        const look = async () => {
          if (!(await reportSummed(db, jobId))) return;
          unwanted.abort();
          if (await isCancelForced(db, jobId)) force.abort();
        };
        return withHeartbeats(
          async () => {
            if (await isCancelRequested(db, jobId)) return { cancelled: true };
            const signal = AbortSignal.any([cancellationSignal, unwanted.signal]);
            const forced = AbortSignal.any([cancellationSignal, force.signal]);
            const done = await sumPart({ db, batch, signal, force: forced }, { jobId, part });
            // Cancelled in the engine, or this worker shuts down: both are told as such.
            if (!done) cancellationSignal.throwIfAborted();
            return { cancelled: !done };
          },
          () => {
            look().catch(() => undefined);
          },
        );
      },

      finishSettlement: (jobId) =>
        withHeartbeats(async () => {
          await reportSummed(db, jobId, { fileStore: null });
          try {
            const job = await finishSettlement({ db, store, parts }, jobId);
            return { again: job === null, result: job?.result ?? null };
          } catch (error) {
            if (!isAppError(error, 'FILE_STORE_UNAVAILABLE')) throw error;
            // It is tried again until the store takes the file, or somebody cancels the job.
            if (!(await reportSummed(db, jobId, { fileStore: error.message }))) throw error;
            await abandonSettlement(db, jobId, null);
            return { again: false, result: null };
          }
        }),

      async abandonSettlement({ jobId, error }) {
        await withHeartbeats(() => abandonSettlement(db, jobId, error ?? null));
      },
    },
    PERMANENT,
  );
}
