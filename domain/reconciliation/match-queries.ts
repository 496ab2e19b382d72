import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { Compared } from './pair-queries';
import type { DifferenceClass } from './types';

/** SQL of what was booked of a subject, as `ref`, `kind`, `minor`, and the last of the decisions. */
const bookedOf = (subject: string) => `
       select d.ref, d.kind, sum(d.delta_minor)::bigint as minor, (array_agg(d.job_id order by d.decided_at desc))[1] as job_id,
         (array_agg(d.n order by d.decided_at desc))[1] as n
       from reconciliation_differences d join feeds u on u.job_id = d.job_id and u.mode = 'gateway'
       where not $5::bool and d.status = 'booked' and d.ref is not null and ${subject}
         and d.theirs_day between $2::date and $3::date
       group by d.ref, d.kind`;

/** SQL of all differences that concern the days that are asked for, as `found`. What was booked counts as ours. */
const FOUND = `
     row_of as not materialized (
       select * from reconciliation_rows where feed_id = $1 and code is null
     ), booked_fees as materialized (${bookedOf(`d.class = 'fee'`)}
     ), booked_payouts as materialized (${bookedOf(`d.class = 'amount' and d.kind = 'payout'`)}
     ), grouped as (
       -- What a payout of the gateway should come to
       select group_ref, currency, sum(coalesce(net_minor, minor - coalesce(fee_minor, 0)))::bigint as minor, min(day) as day
       from row_of where not $5::bool and kind <> 'payout' and group_ref is not null group by 1, 2
     ), paid_out as (
       select coalesce(ref, group_ref) as ref, currency, -sum(minor)::bigint as minor, min(day) as day, min(line) as line
       from row_of where not $5::bool and kind = 'payout' group by 1, 2
       -- One that the bank did not take has its money back.
       having not (min(minor) < 0 and max(minor) > 0)
     ), charge as (
       select ref, kind, line, currency, day, fee_minor,
         case when $6::int is null or kind <> 'capture' or minor <= 0 then minor - net_minor
              -- As half_even does, for amounts that fit.
              when minor < 100000000000000 then (minor * $6::int) / 10000 + $7::bigint
                + case when (minor * $6::int) % 10000 > 5000 or (minor * $6::int) % 10000 = 5000 and (minor * $6::int) / 10000 % 2 = 1 then 1 else 0 end
              else half_even(minor::numeric * $6::int, 10000) + $7::bigint end as expected
       from row_of where kind not in ('payout', 'cost') and fee_minor is not null and day between $2::date and $3::date
     ), charged as (
       -- Of one reference together: so what was booked of it is known.
       select c.ref, c.kind, min(c.line) as line, c.currency, min(c.day) as day, sum(c.expected)::bigint - coalesce(b.minor, 0) as expected,
         sum(c.fee_minor)::bigint as fee_minor, b.job_id, b.n
       from charge c left join booked_fees b on b.ref = c.ref and b.kind = c.kind
       where c.expected <> c.fee_minor or b.minor <> 0 group by coalesce(c.ref, c.line::text), c.ref, c.kind, c.currency, b.minor, b.job_id, b.n
     ), found as (
       select case when other_currency then 'currency' when is_booked and ours_minor <> theirs_minor then 'amount' when is_booked then 'date'
                   when theirs_n > ours_n and is_repeated and not ($5::bool and ours_minor = theirs_minor) then 'duplicate'
                   when theirs_n > ours_n and not $5::bool then 'missing_here' when theirs_n < ours_n and not $5::bool then 'missing_there'
                   when ours_minor <> theirs_minor then 'amount' else 'date' end as class,
         kind, ref, line, source_id as source, ours_minor, theirs_minor,
         nullif(case when other_currency then 0 else theirs_minor - ours_minor end, 0) as delta,
         ours_currency, theirs_currency, ours_day, theirs_day, null as detail, earlier_job_id, earlier_n
       from reconciliation_pairs where feed_id = $1 and ours_n is not null and theirs_n is not null
         and (ours_day between $2::date and $3::date or theirs_day between $2::date and $3::date)
       union all
       select 'missing_here', kind, ref, id, null, null, minor, nullif(minor, 0), null, currency, null, day, detail, null, null
       from reconciliation_left where feed_id = $1 and not is_ours and day between $2::date and $3::date
       union all
       select 'missing_there', kind, coalesce(ref, known_ref), null, source_id, coalesce(booked_minor, minor), null,
         nullif(-coalesce(booked_minor, minor), 0), currency, null, day, null, detail, earlier_job_id, earlier_n
       from reconciliation_left where feed_id = $1 and is_ours and day between $2::date and $3::date and booked_minor is distinct from 0
       union all
       select 'fee', kind, ref, line, null, expected, fee_minor, nullif(expected - fee_minor, 0), currency, currency, null, day,
         case when expected = fee_minor then 'Several rows of it differ, by as much in both directions.' end, job_id, n
       from charged where expected <> fee_minor or job_id is null
       union all
       select 'amount', 'payout', g.group_ref, p.line, null, g.minor + coalesce(b.minor, 0), p.minor, p.minor - g.minor - coalesce(b.minor, 0),
         g.currency, p.currency, null, p.day,
         case when g.day = (select min(day) from grouped) then 'Its first transactions are of the first day of the file: some may be of days before.' end,
         b.job_id, b.n
       from grouped g join paid_out p on p.ref = g.group_ref and p.currency = g.currency
       left join booked_payouts b on b.ref = g.group_ref
       where p.minor <> g.minor + coalesce(b.minor, 0) and p.day between $2::date and $3::date
       union all
       select 'unreadable', null, ref, line, null, null, null, null, null, null, null, null, code || ': ' || reason, null, null
       from reconciliation_rows where feed_id = $1 and code is not null
     )`;

/** SQL of what a decision says that theirs has more than ours, as `delta_minor` has it. */
const GAP = `(coalesce(d.theirs_minor, 0) - coalesce(d.ours_minor, 0)) * case when d.class = 'fee' then -1 else 1 end`;

/**
 * SQL of what was accepted of the difference `f`, as `accepted`: by the last decision that accepted, without what was booked since that was
 * compared, which counts as ours.
 */
const ACCEPTED = `
       select d.job_id, d.n, ${GAP} - coalesce((
         select sum(b.delta_minor) from reconciliation_differences b join feeds v on v.job_id = b.job_id and v.mode = u.mode
         where b.status = 'booked' and b.ref = d.ref and b.kind = d.kind and (b.class = 'fee') = (d.class = 'fee') and b.decided_at >= j.created_at), 0) as minor
       from reconciliation_differences d join feeds u on u.job_id = d.job_id and (u.mode = 'bank') = $5::bool join jobs j on j.id = d.job_id
       where d.status = 'accepted' and d.delta_minor is not null and f.delta is not null
         and d.ref = f.ref and d.kind = f.kind and (d.class = 'fee') = (f.class = 'fee')
         and (f.class <> 'fee' or d.theirs_day between $2::date and $3::date)
         -- A line of a bank that is no payout of ours is found as ours.
         and not ($5::bool and (d.ours_minor is null or f.ours_minor is null))
       order by d.decided_at desc limit 1`;

/** SQL of whether the difference `d` is decided and says what `f` does. */
const DECIDED_BEFORE = `d.class = f.class and d.status <> 'open' and d.kind is not distinct from f.kind
         and (d.ours_minor, d.theirs_minor, d.ours_currency, d.theirs_currency, d.ours_day, d.theirs_day)
           is not distinct from (f.ours_minor, f.theirs_minor, f.ours_currency, f.theirs_currency, f.ours_day, f.theirs_day)`;

/**
 * Writes all differences between what a file says and what we know, numbered from 1. What was accepted before of a difference is left out of
 * it, as what was booked is; of those of no amount, and of what has no reference, the very same. Returns how many there are.
 */
export function insertDifferences(
  tx: Transaction,
  { feedId, request }: Compared,
  jobId: string,
): Promise<number> {
  const { mode, from, to, fee } = request;
  return execute(
    tx,
    'reconciliation.insert_differences',
    `with ${FOUND}
     insert into reconciliation_differences (job_id, n, class, kind, ref, line, source_id, ours_minor, theirs_minor, delta_minor,
       ours_currency, theirs_currency, ours_day, theirs_day, detail, earlier_job_id, earlier_n)
     select $4, row_number() over (order by f.class, f.kind nulls first, f.ref ${BYTEWISE} nulls first, f.line nulls first, f.source nulls first),
       f.class, f.kind, f.ref, f.line, f.source, f.ours_minor, f.theirs_minor, rest.minor, f.ours_currency, f.theirs_currency, f.ours_day,
       f.theirs_day, f.detail, coalesce(f.earlier_job_id, accepted.job_id), coalesce(f.earlier_n, accepted.n)
     from (
       -- Of so many that say the same.
       select *, row_number() over (partition by class, kind, ref, ours_minor, theirs_minor, ours_currency, theirs_currency, ours_day, theirs_day, source
                                    order by line) as nth from found) f
     left join lateral (${ACCEPTED}) accepted on true
     cross join lateral (select case
       when sign(accepted.minor) = sign(f.delta) then sign(f.delta) * greatest(abs(f.delta) - abs(accepted.minor), 0) else f.delta end::bigint as minor) rest
     where case
       when f.class = 'unreadable' and f.ref is null then true
       when accepted.job_id is not null then rest.minor <> 0
       when f.ref is null or f.delta is null then f.nth > (
         select count(*) from reconciliation_differences d
         where d.ref is not distinct from f.ref and d.source_id is not distinct from f.source and ${DECIDED_BEFORE}
           -- A line of a bank that was decided is ours.
           and not ($5::bool and f.class = 'missing_here'))
       else true end`,
    [feedId, from, to, jobId, mode === 'bank', fee?.rateBasisPoints ?? null, fee?.fixedMinor ?? null],
  );
}

/** How many differences of each class there are. */
export async function countByClass(
  on: Queryable,
  jobId: string,
): Promise<Partial<Record<DifferenceClass, number>>> {
  const rows = await many<{ class: DifferenceClass; count: number }>(
    on,
    'reconciliation.by_class',
    'select class, count(*) as count from reconciliation_differences where job_id = $1 group by class order by class',
    [jobId],
  );
  return Object.fromEntries(rows.map((row) => [row.class, row.count]));
}
