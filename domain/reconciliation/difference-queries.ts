import {
  execute,
  many,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { utc } from '../../platform/database/pages';
import type { DifferenceClass, DifferenceStatus, DifferenceView } from './types';

const COLUMNS = `d.n, d.class, d.kind, d.ref, d.line, d.source_id as "sourceId", d.ours_minor as "oursMinor", d.theirs_minor as "theirsMinor",
  d.delta_minor as "deltaMinor", d.ours_currency as "oursCurrency", d.theirs_currency as "theirsCurrency", d.ours_day::text as "oursDay",
  d.theirs_day::text as "theirsDay", d.detail,
  d.earlier_job_id as "earlierJobId", d.earlier_n as "earlierN", d.status, d.reason, d.decided_by as "decidedBy", ${utc('d.decided_at')} as "decidedAt",
  d.adjustment_id as "adjustmentId", m.code as merchant`;

export interface DifferenceFilter {
  jobId: string;
  class?: DifferenceClass | undefined;
  status?: DifferenceStatus | undefined;
  after?: number | undefined;
  limit: number;
  offset: number;
}

/** Differences of a reconciliation, by number; one more than asked for, to tell whether there are more. */
export function selectDifferences(db: Database, filter: DifferenceFilter): Promise<DifferenceView[]> {
  const query = db
    .builder('reconciliation_differences as d')
    .leftJoin('merchants as m', 'm.id', 'd.merchant_id')
    .select(db.builder.raw(COLUMNS))
    .where('d.job_id', filter.jobId)
    .orderBy('d.n')
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.class !== undefined) void query.where('d.class', filter.class);
  if (filter.status !== undefined) void query.where('d.status', filter.status);
  if (filter.after !== undefined) void query.where('d.n', '>', filter.after);
  return db.list<DifferenceView & Record<string, unknown>>(query);
}

/** Differences of a reconciliation after a number. */
export function selectDifferencesAfter(
  on: Queryable,
  jobId: string,
  { after, limit }: { after: number; limit: number },
): Promise<DifferenceView[]> {
  return many<DifferenceView & Record<string, unknown>>(
    on,
    'reconciliation.differences_after',
    `select ${COLUMNS} from reconciliation_differences d left join merchants m on m.id = d.merchant_id
     where d.job_id = $1 and d.n > $2 order by d.n limit $3`,
    [jobId, after, limit],
  );
}

export function selectDifference(
  on: Queryable,
  jobId: string,
  n: number,
): Promise<DifferenceView | undefined> {
  return maybeOne<DifferenceView & Record<string, unknown>>(
    on,
    'reconciliation.difference',
    `select ${COLUMNS} from reconciliation_differences d left join merchants m on m.id = d.merchant_id where d.job_id = $1 and d.n = $2`,
    [jobId, n],
  );
}

/** Of two that decide about a difference, the second waits. Returns whether there is one. */
export async function lockDifference(tx: Transaction, jobId: string, n: number): Promise<boolean> {
  const found = await maybeOne<{ n: number }>(
    tx,
    'reconciliation.lock_difference',
    'select n from reconciliation_differences where job_id = $1 and n = $2 for no key update',
    [jobId, n],
  );
  return found !== undefined;
}

/** Differences are booked one after the other. Held until the transaction ends. */
export function lockBookings(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'reconciliation.lock_bookings',
    `select pg_advisory_xact_lock(hashtext('holdfast.reconciliation_bookings'))`,
  );
}

/**
 * What another reconciliation has booked of the same thing since this one began, which does not know of it: by its reference; of lines of a
 * bank, which has one on many, those of its day; of what has none by all that it says.
 *
 * @param given.since when this one began, RFC 3339
 */
export function selectBookedSince(
  on: Queryable,
  { jobId, n, since }: { jobId: string; n: number; since: string },
): Promise<{ jobId: string; n: number } | undefined> {
  return maybeOne(
    on,
    'reconciliation.booked_since',
    `select o.job_id as "jobId", o.n
     from reconciliation_differences d join feeds du on du.job_id = d.job_id
     join reconciliation_differences o on o.status = 'booked' and o.decided_at >= $3::timestamptz and o.job_id <> d.job_id
       and o.kind is not distinct from d.kind and (o.class = 'fee') = (d.class = 'fee')
       and (o.ref = d.ref and (du.mode = 'gateway' or d.ours_minor is not null and o.ours_minor is not null or o.theirs_day = d.theirs_day)
         or o.ref is not distinct from d.ref and o.class = d.class
         and (o.source_id, o.ours_minor, o.theirs_minor, o.ours_currency, o.theirs_currency, o.ours_day, o.theirs_day)
           is not distinct from (d.source_id, d.ours_minor, d.theirs_minor, d.ours_currency, d.theirs_currency, d.ours_day, d.theirs_day))
     join feeds ou on ou.job_id = o.job_id and ou.mode = du.mode
     where d.job_id = $1 and d.n = $2 order by o.decided_at limit 1`,
    [jobId, n, since],
  );
}

export interface Decision {
  status: Exclude<DifferenceStatus, 'open'>;
  reason: string;
  actor: string;
  adjustmentId: string | null;
  merchantId: number | null;
}

export function updateDecided(
  tx: Transaction,
  { jobId, n }: { jobId: string; n: number },
  { status, reason, actor, adjustmentId, merchantId }: Decision,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.decide',
    `update reconciliation_differences set status = $3, reason = $4, decided_by = $5, decided_at = clock_timestamp(), adjustment_id = $6,
       merchant_id = $7 where job_id = $1 and n = $2 and status = 'open'`,
    [jobId, n, status, reason, actor, adjustmentId, merchantId],
  );
}
