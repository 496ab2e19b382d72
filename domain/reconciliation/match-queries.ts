import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { DifferenceClass, ReconciliationRequest } from './types';

/**
 * SQL of what both sides have under the same reference and kind, as `pair`, where that is not the same: of captures in parts, and of what a
 * file has twice, several rows have one. What only one of them has is in it as well.
 */
const PAIRS = `
     row_of as not materialized (
       select * from reconciliation_rows
       where feed_id = $1 and code is null and kind <> 'cost' and ($5::bool or kind <> 'payout')
     ), ours as (
       select ref, kind, count(*) as n, sum(minor)::bigint as minor, min(currency) as currency, max(currency) as last_currency,
         min(day) as day, max(day) as last_day, min(source_id::text) as source
       from reconciliation_entries where feed_id = $1 and ref is not null group by ref, kind
     ), theirs as (
       select ref, kind, count(*) as n, sum(minor)::bigint as minor, min(currency) as currency, max(currency) as last_currency,
         min(day) as day, max(day) as last_day, min(line) as line
       from row_of where ref is not null group by ref, kind
     ), pair as materialized (
       select coalesce(o.ref, t.ref) as ref, coalesce(o.kind, t.kind) as kind, o.n as ours_n, t.n as theirs_n, o.minor as ours_minor,
         t.minor as theirs_minor, o.currency as ours_currency, t.currency as theirs_currency,
         (o.currency, o.last_currency) <> (t.currency, t.last_currency) as other_currency, o.day as ours_day, t.day as theirs_day,
         o.source, t.line
       from ours o full join theirs t on t.ref = o.ref and t.kind = o.kind
       where o.ref is null or t.ref is null or o.n <> t.n or o.minor <> t.minor
         or (o.currency, o.last_currency) <> (t.currency, t.last_currency)
         or abs(o.day - t.day) > $4::int or abs(o.last_day - t.last_day) > $4::int
     )`;

/**
 * SQL of what is left on either side, paired by amount and day (`paired`): first on the very day, then in the order of days as far as these
 * are near enough. Rows of a gateway that have a reference are known by it or not at all; a bank has references of its own.
 */
const LEFT = `
     ours_left as materialized (
       select row_number() over (order by kind, ref ${BYTEWISE}, source) as id, u.* from (
         select kind, ref, ours_minor as minor, ours_currency as currency, ours_day as day, source from pair where theirs_n is null
         union all
         select kind, null, minor, currency, day, source_id::text from reconciliation_entries where feed_id = $1 and ref is null) u
     ), theirs_left as materialized (
       select kind, ref, theirs_minor as minor, theirs_currency as currency, theirs_day as day, line from pair where ours_n is null
       union all
       select kind, null, minor, currency, day, line from row_of where ref is null
     ), exact as materialized (
       select o.id, t.line
       from (select *, row_number() over (partition by kind, currency, minor, day order by id) as nth from ours_left) o
       join (select *, row_number() over (partition by kind, currency, minor, day order by line) as nth from theirs_left
             where $5::bool or ref is null) t
         on t.kind = o.kind and t.currency = o.currency and t.minor = o.minor and t.day = o.day and t.nth = o.nth
     ), near as (
       select o.id, t.line
       from (select *, row_number() over (partition by kind, currency, minor order by day, id) as nth from ours_left
             where id not in (select id from exact)) o
       join (select *, row_number() over (partition by kind, currency, minor order by day, line) as nth from theirs_left
             where ($5::bool or ref is null) and line not in (select line from exact)) t
         on t.kind = o.kind and t.currency = o.currency and t.minor = o.minor and t.nth = o.nth and abs(t.day - o.day) <= $4::int
     ), paired as materialized (
       select * from exact union all select * from near
     )`;

/** SQL of all differences that concern the days that are asked for, as `found`. */
const FOUND = `
     repeated as (
       -- It has the same amount twice.
       select distinct ref, kind from (
         select r.ref, r.kind from row_of r
         where (r.ref, r.kind) in (select ref, kind from pair where theirs_n > ours_n) group by r.ref, r.kind, r.minor having count(*) > 1) d
     ), grouped as (
       -- What a payout of the gateway should come to
       select group_ref, currency, sum(coalesce(net_minor, minor - coalesce(fee_minor, 0)))::bigint as minor
       from reconciliation_rows where feed_id = $1 and code is null and not $5::bool and kind <> 'payout' and group_ref is not null group by 1, 2
     ), charged as (
       select r.*, case when $6::int is not null and kind = 'capture' and minor > 0 then half_even(minor::numeric * $6::int, 10000) + $7::bigint
                        else minor - net_minor end as expected
       from reconciliation_rows r where feed_id = $1 and code is null and kind not in ('payout', 'cost') and fee_minor is not null
     ), found as (
       select case when other_currency then 'currency' when theirs_n > ours_n and (ref, kind) in (select ref, kind from repeated) then 'duplicate'
                   when theirs_n > ours_n then 'missing_here' when theirs_n < ours_n then 'missing_there'
                   when ours_minor <> theirs_minor then 'amount' else 'date' end as class,
         kind, ref, line, source, ours_minor, theirs_minor, nullif(case when other_currency then 0 else theirs_minor - ours_minor end, 0) as delta,
         ours_currency, theirs_currency, ours_day, theirs_day, null as detail
       from pair where ours_n is not null and theirs_n is not null
         and (ours_day between $2::date and $3::date or theirs_day between $2::date and $3::date)
       union all
       select 'missing_here', kind, ref, line, null, null, minor, nullif(minor, 0), null, currency, null, day, null
       from theirs_left where day between $2::date and $3::date and line not in (select line from paired)
       union all
       select 'missing_there', kind, ref, null, source, minor, null, nullif(-minor, 0), currency, null, day, null, null
       from ours_left where day between $2::date and $3::date and id not in (select id from paired)
       union all
       select 'fee', kind, ref, line, null, expected, fee_minor, expected - fee_minor, currency, currency, null, day, null
       from charged where expected <> fee_minor and day between $2::date and $3::date
       union all
       select 'amount', 'payout', g.group_ref, p.line, null, g.minor, -p.minor, -p.minor - g.minor, g.currency, p.currency, null, p.day, null
       from grouped g join reconciliation_rows p on p.feed_id = $1 and p.code is null and p.kind = 'payout'
         and coalesce(p.ref, p.group_ref) = g.group_ref and p.currency = g.currency
       where g.minor <> -p.minor and p.day between $2::date and $3::date
       union all
       select 'unreadable', null, ref, line, null, null, null, null, null, null, null, null, code || ': ' || reason
       from reconciliation_rows where feed_id = $1 and code is not null
     )`;

/**
 * Writes all differences between what a file says and what we know, numbered from 1, in one statement. What was decided before about the
 * very same difference is left out. Returns how many there are.
 */
export function insertDifferences(
  tx: Transaction,
  { feedId, jobId }: { feedId: number; jobId: string },
  { report, from, to, toleranceDays, fee }: ReconciliationRequest,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_differences',
    `with ${PAIRS}, ${LEFT}, ${FOUND}
     insert into reconciliation_differences (job_id, n, class, kind, ref, line, source_id, ours_minor, theirs_minor, delta_minor,
       ours_currency, theirs_currency, ours_day, theirs_day, detail)
     select $8, row_number() over (order by class, kind nulls first, ref ${BYTEWISE} nulls first, line nulls first, source nulls first),
       class, kind, ref, line, source::uuid, ours_minor, theirs_minor, delta, ours_currency, theirs_currency, ours_day, theirs_day, detail
     from found f where not exists (
       select from reconciliation_differences d where d.ref = f.ref and d.class = f.class and d.status <> 'open' and d.kind is not distinct from f.kind
         and (d.ours_minor, d.theirs_minor, d.ours_currency, d.theirs_currency, d.ours_day, d.theirs_day)
           is not distinct from (f.ours_minor, f.theirs_minor, f.ours_currency, f.theirs_currency, f.ours_day, f.theirs_day))`,
    [
      feedId,
      from,
      to,
      toleranceDays,
      report === 'bank',
      fee?.rateBasisPoints ?? null,
      fee?.fixedMinor ?? null,
      jobId,
    ],
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
