import { execute, many, one, type Queryable } from '../../../platform/database/database';
import { utc } from '../../../platform/database/pages';
import { settledFailures, type SettledFailure } from './put-off-sql';
import type { FailedWork, Work } from './types';

export interface NewFailure {
  work: Work;
  subject: string;
  /** Seconds until the second attempt, and at most. */
  firstSeconds: number;
  longestSeconds: number;
  /** Attempts that must have failed before there is an alert. */
  alertFrom: number;
  details: Readonly<Record<string, unknown>>;
}

/** Counts a failure and, once there were enough, raises or renews its alert. Returns when the work may be tried again. */
export async function upsertFailure(on: Queryable, failure: NewFailure): Promise<Date> {
  const { work, subject, firstSeconds, longestSeconds, alertFrom, details } = failure;
  const { retryAt } = await one<{ retryAt: Date }>(
    on,
    'alerts.record_failure',
    `with failed as (
       insert into failed_work as f (work, subject, retry_at)
       values ($1, $2, clock_timestamp() + make_interval(secs => $3::float8))
       on conflict (work, subject) do update
         set attempts = f.attempts + 1,
             retry_at = clock_timestamp() + make_interval(secs => least($3::float8 * 2 ^ least(f.attempts, 30), $4::float8))
       returning attempts, retry_at
     ), raised as (
       insert into alerts as a (kind, subject, details)
       select 'work_failed', $1 || ':' || $2, $5::jsonb || jsonb_build_object('attempts', attempts, 'retryAt', ${utc('retry_at')})
       from failed where attempts >= $6
       on conflict (subject) where status <> 'resolved' and subject is not null do update set details = excluded.details
     )
     select retry_at as "retryAt" from failed`,
    [work, subject, firstSeconds, longestSeconds, JSON.stringify(details), alertFrom],
  );
  return retryAt;
}

/** Failures of one kind of work, those first that may be tried again soonest. */
export function selectFailures(on: Queryable, work: Work): Promise<{ subject: string; due: boolean }[]> {
  return many(
    on,
    'alerts.failures',
    'select subject, retry_at <= clock_timestamp() as due from failed_work where work = $1 order by retry_at',
    [work],
  );
}

/** Subjects on which work failed with an alert that nobody has acknowledged, by the kind of work. */
export function selectFailureCounts(on: Queryable): Promise<{ work: Work; count: number }[]> {
  return many(
    on,
    'alerts.failure_counts',
    `select f.work, count(*) as count from failed_work f
     where exists (select from alerts a where a.subject = f.work || ':' || f.subject and a.status <> 'resolved' and a.status = 'open')
     group by f.work`,
    [],
  );
}

/** All failed work, by kind and by when it is tried again. */
export function selectFailedWork(on: Queryable): Promise<FailedWork[]> {
  return many<FailedWork>(
    on,
    'alerts.failed_work',
    `select f.work, f.subject, f.attempts, f.retry_at as "retryAt", a.details->>'error' as error
     from failed_work f
     left join alerts a on a.subject = f.work || ':' || f.subject and a.status <> 'resolved'
     order by f.work, f.retry_at, f.subject`,
  );
}

/**
 * Lets failed work be tried again now; null: of every kind, on every subject. Returns which: at most `limit`, those first that would
 * wait longest, each with whether others still wait.
 */
export function updateRetryTime(
  on: Queryable,
  { work, subject, limit }: { work: Work | null; subject: string | null; limit: number },
): Promise<{ work: Work; subject: string; more: boolean }[]> {
  return many(
    on,
    'alerts.retry_now',
    `with wanted as materialized (
       select work, subject, retry_at, row_number() over (order by retry_at desc, work, subject) as place
       from failed_work where ($1::text is null or work = $1) and ($2::text is null or subject = $2)
       order by retry_at desc, work, subject limit $3 + 1
     ), retried as (
       update failed_work f set retry_at = clock_timestamp()
       from wanted w where w.place <= $3 and f.work = w.work and f.subject = w.subject
       returning f.work, f.subject, f.retry_at
     ), told as (
       update alerts a set details = a.details || jsonb_build_object('retryAt', ${utc('r.retry_at')})
       from retried r where a.subject = r.work || ':' || r.subject and a.status <> 'resolved'
     )
     select work, subject, exists (select from wanted where place > $3 and retry_at > statement_timestamp()) as more
     from retried order by work, subject`,
    [work, subject, limit],
  );
}

/** Messages that could not be delivered and are no longer in the outbox, as `topic key`. */
export function selectSettledDeliveries(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'alerts.settled_deliveries',
    settledFailures(`select from outbox o where o.topic || ' ' || o.key = f.subject`),
    [work],
  );
}

/** Forgets failures and resolves their alerts. */
export function deleteFailures(
  on: Queryable,
  works: readonly Work[],
  subjects: readonly string[],
): Promise<number> {
  return execute(
    on,
    'alerts.forget_failures',
    `with over as (
       delete from failed_work where work = any ($1::text[]) and subject = any ($2::text[]) returning work || ':' || subject as subject
     )
     update alerts a set status = 'resolved', resolved_at = clock_timestamp()
     from over where a.subject = over.subject and a.status <> 'resolved'`,
    [works, subjects],
  );
}
