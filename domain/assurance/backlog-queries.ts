import { many, one, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { UNBOOKED_SHIPMENT_STATUSES } from '../fulfilment/types';
import { OPEN_JOB_STATUSES, type JobStatus, type JobType } from '../jobs/types';
import { FREEZING_DISPUTE_STATUSES } from '../payments/types';

/** How much waits to be done, and since when: ages in seconds, 0 where nothing waits. */
export interface Backlog {
  outboxMessages: number;
  /** Of the message that has been due for longest: those that are meant for later are not. */
  outboxSeconds: number;
  /** Of the reservation that has been past due for longest. */
  expiryLagSeconds: number;
  /** Of the charge without an outcome that was first asked for longest ago. */
  chargeSeconds: number;
  /** Of the planned refund that waits for longest, without those behind an open dispute. */
  refundSeconds: number;
  shipmentsToBook: number;
  shipmentSeconds: number;
  /** Of the erasure of a person that was asked for longest ago and is not finished. */
  erasureSeconds: number;
  /** Months to come that the ledger has a partition for. */
  partitionsAhead: number;
  /** Since the consistency check that has not run to its end for longest; before the first, since the schema was made. */
  checkSeconds: number;
}

/**
 * By partial indexes of what is open, and by that of the latest run of each check.
 *
 * @param checkIds checks that are to run; one that never has does not count beside others that have
 */
export function selectBacklog(on: Queryable, checkIds: readonly string[]): Promise<Backlog> {
  return one<Backlog>(
    on,
    'backlog.read',
    `select o.messages as "outboxMessages", o.seconds as "outboxSeconds",
       coalesce((select extract(epoch from clock_timestamp() - min(expires_at)) from reservations
                 where status = 'pending' and expires_at < statement_timestamp()), 0)::float8 as "expiryLagSeconds",
       coalesce((select extract(epoch from clock_timestamp() - min(first_asked_at)) from payments
                 where status in ('pending', 'unknown')), 0)::float8 as "chargeSeconds",
       coalesce((select extract(epoch from clock_timestamp() - min(r.created_at)) from refunds r
                 where r.status = 'planned'
                   and not exists (select from disputes d where d.payment_id = r.payment_id
                                   and d.status in ${literals(FREEZING_DISPUTE_STATUSES)})), 0)::float8 as "refundSeconds",
       coalesce((select extract(epoch from clock_timestamp() - min(requested_at)) from erasures
                 where finished_at is null), 0)::float8 as "erasureSeconds",
       s.waiting as "shipmentsToBook", s.seconds as "shipmentSeconds",
       (select count(*) from ledger_partitions where lower_bound > statement_timestamp()) as "partitionsAhead",
       extract(epoch from clock_timestamp() - coalesce(
         (select min(latest.finished_at) from unnest($1::text[]) as wanted (check_id) cross join lateral (
            select c.finished_at from consistency_checks c
            where c.check_id = wanted.check_id order by c.started_at desc limit 1) latest),
         (select min(migration_time) from knex_migrations)))::float8 as "checkSeconds"
     from (select count(*) as messages,
             coalesce(extract(epoch from clock_timestamp() - min(case when attempts = 0 then available_at else created_at end)
               filter (where attempts > 0 or available_at <= clock_timestamp())), 0)::float8 as seconds from outbox) o,
          (select count(*) as waiting,
             coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as seconds
           from shipments where status in ${literals(UNBOOKED_SHIPMENT_STATUSES)}) s`,
    [checkIds],
  );
}

export interface JobCount {
  type: JobType;
  status: JobStatus;
  count: number;
}

/** Jobs that have not ended, by type and status; those of which there is none are left out. */
export function selectOpenJobs(on: Queryable): Promise<JobCount[]> {
  return many(
    on,
    'backlog.open_jobs',
    `select type, status, count(*) as count from jobs where status in ${literals(OPEN_JOB_STATUSES)} group by type, status`,
  );
}

/** Jobs that ended within the last day, without failed ones that somebody has acknowledged, by type and how; those of which there is none are left out. */
export function selectEndedJobs(on: Queryable): Promise<JobCount[]> {
  return many(
    on,
    'backlog.ended_jobs',
    `select type, status, count(*) as count from jobs
     where finished_at > statement_timestamp() - interval '1 day' and acknowledged_at is null group by type, status`,
  );
}
