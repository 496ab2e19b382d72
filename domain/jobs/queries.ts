import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { execute, many, maybeOne } from '../../platform/database/database';
import { newestFirst, utcMicros, type PagePosition, type PageRequest } from '../../platform/database/pages';
import { JOB_TRANSITIONS } from './rules';
import type { JobFile, JobProgress, JobStatus, JobType, NewJob } from './types';

export interface JobRow {
  id: string;
  type: JobType;
  status: JobStatus;
  processed: number;
  total: number | null;
  details: Record<string, unknown>;
  result: Record<string, unknown> | null;
  file: JobFile | null;
  errorCode: string | null;
  errorDetail: string | null;
  cancelRequested: boolean;
  /** Since it began, until it ended or now. */
  seconds: number | null;
  version: number;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
  acknowledgement: string | null;
  /** `createdAt` to the microsecond, RFC 3339. */
  createdAtMicros: string;
}

const COLUMNS = `
  id, type, status, processed, total, details, result, file, error_code as "errorCode", error_detail as "errorDetail",
  cancel_requested_at is not null as "cancelRequested",
  extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)::float8 as seconds, version,
  created_at as "createdAt", started_at as "startedAt", finished_at as "finishedAt",
  acknowledged_at as "acknowledgedAt", acknowledged_by as "acknowledgedBy", acknowledgement,
  ${utcMicros('created_at')} as "createdAtMicros"`;

export function selectJob(on: Queryable, id: string): Promise<JobRow | undefined> {
  return maybeOne<JobRow>(on, 'jobs.by_id', `select ${COLUMNS} from jobs where id = $1`, [id]);
}

/** Who started a job. */
export function selectJobActor(on: Queryable, id: string): Promise<{ actor: string } | undefined> {
  return maybeOne(on, 'jobs.actor', 'select actor from jobs where id = $1', [id]);
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectJobs(
  on: Database,
  filter: PageRequest & {
    type?: JobType | undefined;
    status?: JobStatus | undefined;
    /** Who started them; null or absent: everybody. */
    actors?: readonly string[] | null;
  },
): Promise<JobRow[]> {
  const query = on.builder.select(on.builder.raw(COLUMNS)).from('jobs');
  if (filter.type) void query.where('type', filter.type);
  if (filter.status) void query.where('status', filter.status);
  if (filter.actors) void query.whereIn('actor', filter.actors);
  return on.list<JobRow>(newestFirst(query, { time: 'created_at', id: 'id' }, filter));
}

/**
 * Jobs that have not ended, and were made and begun more than `graceSeconds` ago, oldest first: their workflow may be gone.
 * One that its caller runs itself is left alone for a day, after which that process counts as dead.
 */
export function selectResting(
  on: Queryable,
  { graceSeconds, after, limit }: { graceSeconds: number; after: PagePosition | undefined; limit: number },
): Promise<PagePosition[]> {
  return many<PagePosition>(
    on,
    'jobs.resting',
    `select id, ${utcMicros('created_at')} as "createdAtMicros" from jobs
     where status in ('queued', 'running')
       and created_at < statement_timestamp() - make_interval(secs => $1)
       and coalesce(started_at, created_at) < statement_timestamp() - make_interval(secs => $1)
       and (not input ? 'runByCaller' or created_at < statement_timestamp() - interval '1 day')
       and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
     order by created_at, id limit $4`,
    [graceSeconds, after?.createdAtMicros ?? null, after?.id ?? null, limit],
  );
}

/** Returns false when a job with this id is there already. */
export async function insertJob(tx: Transaction, job: NewJob): Promise<boolean> {
  const added = await execute(
    tx,
    'jobs.insert',
    `insert into jobs (id, type, input, actor) values ($1, $2, $3, $4) on conflict (id) do nothing`,
    [job.id, job.type, JSON.stringify(job.input), job.actor],
  );
  return added === 1;
}

/** What a job was asked to do, as `createJob` was given it; undefined: there is no such job. */
export async function selectJobInput(
  on: Queryable,
  id: string,
): Promise<Record<string, unknown> | undefined> {
  const row = await maybeOne<{ input: Record<string, unknown> }>(
    on,
    'jobs.input',
    'select input from jobs where id = $1',
    [id],
  );
  return row?.input;
}

export async function startRunning(tx: Transaction, id: string): Promise<boolean> {
  const changed = await execute(
    tx,
    'jobs.begin',
    `update jobs set status = 'running', started_at = clock_timestamp(), version = version + 1
     where id = $1 and status = any ($2::text[])`,
    [id, JOB_TRANSITIONS.running],
  );
  return changed === 1;
}

/** Only of a job that runs: a report that arrives late changes nothing. */
export async function updateProgress(tx: Transaction, id: string, progress: JobProgress): Promise<boolean> {
  const changed = await execute(
    tx,
    'jobs.progress',
    `update jobs set processed = $2, total = coalesce($3, total), details = details || $4::jsonb, version = version + 1
     where id = $1 and status = 'running'`,
    [id, progress.processed, progress.total ?? null, JSON.stringify(progress.details ?? {})],
  );
  return changed === 1;
}

export interface JobEnd {
  status: 'completed' | 'cancelled' | 'failed';
  result: Readonly<Record<string, unknown>> | null;
  file: JobFile | null;
  error: { code: string; detail: string } | null;
}

/** What has ended, and who started it; undefined when it has ended before: its first end stays. */
export function endJob(
  tx: Transaction,
  id: string,
  end: JobEnd,
): Promise<{ type: JobType; actor: string } | undefined> {
  return maybeOne(
    tx,
    'jobs.end',
    `update jobs set status = $2, result = $3, file = $4, error_code = $5, error_detail = $6, version = version + 1,
            finished_at = clock_timestamp()
     where id = $1 and status = any ($7::text[])
     returning type, actor`,
    [
      id,
      end.status,
      end.result === null ? null : JSON.stringify(end.result),
      end.file,
      end.error?.code ?? null,
      end.error?.detail ?? null,
      JOB_TRANSITIONS[end.status],
    ],
  );
}

/** Records that a job that has not ended is to be cancelled. Returns false when that is recorded already, or it has ended. */
export async function markCancel(tx: Transaction, id: string, force: boolean): Promise<boolean> {
  const changed = await execute(
    tx,
    'jobs.request_cancel',
    `update jobs set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), cancel_forced = cancel_forced or $2,
       version = version + 1
     where id = $1 and (cancel_requested_at is null or $2 and not cancel_forced) and status in ('queued', 'running')`,
    [id, force],
  );
  return changed === 1;
}

/** Only of a job that failed: what was said first stays. Returns whether it was written. */
export async function setAcknowledged(
  tx: Transaction,
  { id, by, note }: { id: string; by: string; note: string | null },
): Promise<boolean> {
  const changed = await execute(
    tx,
    'jobs.acknowledge',
    `update jobs set acknowledged_at = clock_timestamp(), acknowledged_by = $2, acknowledgement = $3, version = version + 1
     where id = $1 and status = 'failed' and acknowledged_at is null`,
    [id, by, note],
  );
  return changed === 1;
}

export async function selectCancelRequested(on: Queryable, id: string): Promise<boolean> {
  const row = await maybeOne(
    on,
    'jobs.cancel_requested',
    'select 1 from jobs where id = $1 and cancel_requested_at is not null',
    [id],
  );
  return row !== undefined;
}

/** Whether a job is to be cancelled within what it does, not only after it. */
export async function selectCancelForced(on: Queryable, id: string): Promise<boolean> {
  const row = await maybeOne(on, 'jobs.cancel_forced', 'select 1 from jobs where id = $1 and cancel_forced', [
    id,
  ]);
  return row !== undefined;
}
