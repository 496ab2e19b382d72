import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { pageIn, type Page, type PagePosition } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { enqueue } from '../../platform/database/outbox';
import { recordChange } from '../audit/record';
import { recordEntries } from '../event-log/record';
import {
  endJob,
  insertJob,
  markCancel,
  selectJob,
  selectJobActor,
  selectJobs,
  selectResting,
  setAcknowledged,
  startRunning,
  updateProgress,
  type JobEnd,
  type JobRow,
} from './queries';
import { jobHasEnded, jobProgress } from './rules';
import {
  SCHEDULE,
  type JobOutcome,
  type JobProgress,
  type JobStatus,
  type JobType,
  type JobView,
  type NewJob,
} from './types';

export {
  selectCancelForced as isCancelForced,
  selectCancelRequested as isCancelRequested,
  selectJobInput as readJobInput,
} from './queries';

/** A transaction of the caller's, or the database: then each call is a transaction of its own. */
type Connection = Database | Transaction;

/**
 * Writes a job and, in the same transaction, the message with which the relay starts its workflow: nothing is lost while
 * Temporal is away, and nothing starts that was rolled back. Repeated with the same id it returns the existing job.
 */
export function createJob(on: Connection, job: NewJob): Promise<JobView> {
  return inOwnTransaction(on, async (tx) => {
    if (await insertJob(tx, job)) {
      await start(tx, job.id);
      await recordStarted(tx, job);
    }
    return existing(await selectJob(tx, job.id), job.id);
  });
}

/** Writes a job that the caller runs itself: no workflow is started for it, nor by reconciliation for a day. */
export function createCallerRunJob(on: Connection, job: NewJob): Promise<JobView> {
  return inOwnTransaction(on, async (tx) => {
    const isNew = await insertJob(tx, { ...job, input: { ...job.input, runByCaller: true } });
    if (isNew) await recordStarted(tx, job);
    return existing(await selectJob(tx, job.id), job.id);
  });
}

/** In the audit log where somebody starts it, an upload included: what it changes is not told row by row. */
async function recordStarted(tx: Transaction, { id, type, actor }: NewJob): Promise<void> {
  await recordEntries(tx, [
    { type: 'job.started', subject: { type: 'job', id }, actor, owner: actor, data: { type } },
  ]);
  if (actor === SCHEDULE) return;
  await recordChange(tx, {
    actor,
    action: 'job.started',
    subject: { type: 'job', id },
    after: { type },
  });
}

/** Marks a queued job as running; one that runs or has ended stays as it is. @throws AppError `JOB_NOT_FOUND` */
export function beginJob(on: Connection, id: string): Promise<JobView> {
  return changing(on, id, (tx) => startRunning(tx, id));
}

/** Reports how far a running job is. A report about a job that has ended changes nothing. @throws AppError `JOB_NOT_FOUND` */
export function reportProgress(on: Connection, id: string, progress: JobProgress): Promise<JobView> {
  return changing(on, id, (tx) => updateProgress(tx, id, progress));
}

/**
 * Completes a job. The first end of a job stays, whichever it was.
 *
 * @param also what is to be written once with it: not where the job has ended already
 * @throws AppError `JOB_NOT_FOUND`
 */
export function completeJob(
  on: Connection,
  id: string,
  outcome: JobOutcome,
  also?: (tx: Transaction) => Promise<unknown>,
): Promise<JobView> {
  return changing(on, id, async (tx) => {
    const completed = await endOnce(tx, id, { status: 'completed', error: null, ...ended(outcome) });
    if (completed) await also?.(tx);
    return completed;
  });
}

/** Ends a job that was asked to stop; the result says what was done and stays done. @throws AppError `JOB_NOT_FOUND` */
export function cancelJob(on: Connection, id: string, outcome?: JobOutcome): Promise<JobView> {
  return end(on, id, { status: 'cancelled', error: null, ...ended(outcome) });
}

/** Ends a job that cannot go on. `code` is stable, `detail` is for people. @throws AppError `JOB_NOT_FOUND` */
export function failJob(
  on: Connection,
  id: string,
  error: { code: string; detail: string },
  outcome?: JobOutcome,
): Promise<JobView> {
  return end(on, id, { status: 'failed', error, ...ended(outcome) });
}

/** Ends a job that has no result: as failed, or, where `error` is null, as cancelled. @throws AppError `JOB_NOT_FOUND` */
export function abandonJob(
  on: Connection,
  id: string,
  error: { code: string; detail: string } | null,
): Promise<JobView> {
  return error ? failJob(on, id, error) : cancelJob(on, id);
}

/**
 * Asks a job to stop. Its workflow checks between two steps, and is started again if it is gone.
 *
 * @param options.force a statement of it that runs is ended as well, where it has long ones
 * @throws AppError `JOB_NOT_FOUND`, `JOB_ENDED` when it is completed or has failed
 */
export function requestCancel(
  on: Connection,
  id: string,
  actor: string,
  { force = false } = {},
): Promise<JobView> {
  return changing(on, id, async (tx) => {
    const marked = await markCancel(tx, id, force);
    const { status } = existing(await selectJob(tx, id), id);
    if (status === 'completed' || status === 'failed') {
      throw new AppError('JOB_ENDED', `This job has ended: it is ${status}.`, { jobId: id });
    }
    if (!jobHasEnded(status)) await start(tx, id);
    if (marked)
      await recordChange(tx, { actor, action: 'job.cancel_requested', subject: { type: 'job', id } });
    return marked;
  });
}

/**
 * Says that somebody has seen that a job failed, and that nothing more is to be done about it. Again, it changes nothing: who was first
 * stays.
 *
 * @throws AppError `JOB_NOT_FOUND`, `JOB_NOT_FAILED`
 */
export function acknowledgeJob(
  on: Connection,
  given: { id: string; by: string; note: string | null },
): Promise<JobView> {
  return changing(on, given.id, async (tx) => {
    const changed = await setAcknowledged(tx, given);
    if (changed)
      await recordChange(tx, {
        actor: given.by,
        action: 'job.acknowledged',
        subject: { type: 'job', id: given.id },
      });
    const { status } = existing(await selectJob(tx, given.id), given.id);
    if (status !== 'failed')
      throw new AppError('JOB_NOT_FAILED', `This job is ${status}: only one that failed is acknowledged.`);
    return changed;
  });
}

/** Null: there is no such job. */
export async function readJob(on: Queryable, id: string): Promise<JobView | null> {
  const row = await selectJob(on, id);
  return row ? asView(row) : null;
}

/** Who started a job; null: there is none. */
export async function readJobActor(on: Queryable, id: string): Promise<string | null> {
  return (await selectJobActor(on, id))?.actor ?? null;
}

/** Jobs, newest first. `next` is where the next page begins; null: there is none. */
export async function listJobs(
  on: Database,
  filter: {
    type?: JobType;
    status?: JobStatus;
    /** Who started them; null or absent: everybody. */
    actors?: readonly string[] | null;
    limit: number;
    cursor?: PagePosition;
    offset?: number;
  },
): Promise<Page<JobView>> {
  const { limit, cursor, offset = 0, ...rest } = filter;
  const found = await selectJobs(on, { ...rest, limit, offset, after: cursor });
  return pageIn(found, limit, asView);
}

/**
 * Jobs that have not ended and were made and begun more than `graceSeconds` ago, oldest first, `limit` at most, those after
 * `after`. One that its caller runs itself is among them only after a day.
 */
export function findRestingJobs(
  on: Queryable,
  page: { graceSeconds: number; after: PagePosition | undefined; limit: number },
): Promise<PagePosition[]> {
  return selectResting(on, page);
}

function start(tx: Transaction, id: string): Promise<void> {
  return enqueue(tx, [{ topic: 'job.start', key: id }]);
}

function end(on: Connection, id: string, how: JobEnd): Promise<JobView> {
  return changing(on, id, (tx) => endOnce(tx, id, how));
}

/** Returns false when it has ended before. */
async function endOnce(tx: Transaction, id: string, how: JobEnd): Promise<boolean> {
  const job = await endJob(tx, id, how);
  if (!job) return false;
  const errorCode = how.error?.code;
  await recordEntries(tx, [
    {
      type: `job.${how.status}`,
      subject: { type: 'job', id },
      actor: 'system',
      owner: job.actor,
      data: { type: job.type, ...(errorCode === undefined ? {} : { errorCode }) },
    },
  ]);
  return true;
}

function ended(outcome: JobOutcome | undefined): Pick<JobEnd, 'result' | 'file'> {
  return { result: outcome?.result ?? null, file: outcome?.file ?? null };
}

function changing(
  on: Connection,
  id: string,
  change: (tx: Transaction) => Promise<boolean>,
): Promise<JobView> {
  return inOwnTransaction(on, async (tx) => {
    if (await change(tx)) tx.notice('holdfast_jobs', id);
    return existing(await selectJob(tx, id), id);
  });
}

function inOwnTransaction<T>(on: Connection, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return 'inTransaction' in on ? work(on) : on.retrying(work);
}

function existing(row: JobRow | undefined, id: string): JobView {
  if (!row) throw new AppError('JOB_NOT_FOUND', 'There is no such job.', { jobId: id });
  return asView(row);
}

function acknowledgedIn({
  acknowledgedAt,
  acknowledgedBy,
  acknowledgement,
}: JobRow): JobView['acknowledged'] {
  if (acknowledgedAt === null || acknowledgedBy === null) return null;
  return { at: acknowledgedAt.toISOString(), by: acknowledgedBy, note: acknowledgement };
}

function asView(row: JobRow): JobView {
  const { id, type, status, processed, total, details, result, file, version, seconds } = row;
  return {
    jobId: id,
    type,
    status,
    progress: jobProgress(row),
    processed,
    total,
    rowsPerSecond: seconds === null || seconds <= 0 ? null : Math.round(processed / seconds),
    rejected: typeof details['rejected'] === 'number' ? details['rejected'] : null,
    details,
    result,
    file,
    error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
    cancelRequested: row.cancelRequested,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    acknowledged: acknowledgedIn(row),
    version,
  };
}
