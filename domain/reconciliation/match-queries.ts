import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { DifferenceClass, ReconciliationRequest } from './types';

const ASKED = 'day between $2::date and $3::date';
/** What takes a part of a capture back is no capture of its own. */
const COUNTED = `kind <> 'capture' or minor > 0`;

/** SQL of what rows of one reference and kind come to: all of them, and those of the days that are asked for. */
const FIGURES = `count(*) filter (where ${COUNTED}) as n, sum(minor)::bigint as minor, min(day) as day, max(day) as last_day,
         count(*) filter (where (${COUNTED}) and ${ASKED}) as asked_n, coalesce(sum(minor) filter (where ${ASKED}), 0)::bigint as asked_minor,
         min(day) filter (where ${ASKED}) as asked_day, max(day) filter (where ${ASKED}) as asked_last_day,
         min(currency) as currency, max(currency) as last_currency`;

/** SQL of a figure of `pair`. */
const figure = (side: 'o' | 't', name: string) =>
  `case when s.is_of_asked then ${side}.asked_${name} else ${side}.${name} end`;

/**
 * SQL of what both sides have under the same reference and kind, as `pair`, where that is not the same: of captures in parts, and of what a
 * file has twice, several rows have one. What only one of them has is in it as well. What was booked counts as ours. Parts of other days are
 * left out where one side has more of these: a file begins and ends somewhere.
 */
const PAIRS = `
     row_of as not materialized (
       select * from reconciliation_rows
       where feed_id = $1 and code is null and kind <> 'cost' and ($5::bool or kind <> 'payout')
     ), booked as materialized (
       select d.ref, d.kind, sum(d.delta_minor)::bigint as minor
       from reconciliation_differences d join feeds u on u.job_id = d.job_id and u.mode = 'gateway'
       where not $5::bool and d.status = 'booked' and d.class <> 'fee' and d.ref is not null group by 1, 2 having sum(d.delta_minor) <> 0
     ), ours as (
       select ref, kind, ${FIGURES}, min(source_id::text) as source
       from reconciliation_entries where feed_id = $1 and ref is not null group by ref, kind
     ), theirs as (
       select ref, kind, ${FIGURES}, coalesce(min(line) filter (where ${ASKED}), min(line)) as line from row_of where ref is not null group by ref, kind
     ), both_sides as (
       select coalesce(o.ref, t.ref) as ref, coalesce(o.kind, t.kind) as kind, b.minor is not null as is_booked,
         case when o.ref is not null then ${figure('o', 'n')} when b.minor is not null then 0 end as ours_n, ${figure('t', 'n')} as theirs_n,
         case when o.ref is null then b.minor else ${figure('o', 'minor')} + coalesce(b.minor, 0) end as ours_minor,
         ${figure('t', 'minor')} as theirs_minor, o.currency as ours_currency, t.currency as theirs_currency,
         (o.currency, o.last_currency) <> (t.currency, t.last_currency) as other_currency,
         ${figure('o', 'day')} as ours_day, ${figure('t', 'day')} as theirs_day,
         ${figure('o', 'last_day')} as ours_last_day, ${figure('t', 'last_day')} as theirs_last_day, o.source, t.line
       from ours o full join theirs t on t.ref = o.ref and t.kind = o.kind
       left join booked b on b.ref = coalesce(o.ref, t.ref) and b.kind = coalesce(o.kind, t.kind)
       cross join lateral (select case when o.ref is null then t.asked_day is not null when t.ref is null then o.asked_day is not null
         else o.asked_n > 0 and (o.asked_n, o.asked_minor) = (t.asked_n, t.asked_minor) or abs(o.asked_n - t.asked_n) < abs(o.n - t.n)
         end as is_of_asked) s
     ), pair as materialized (
       select * from both_sides
       where case when ours_n is null then true when theirs_n is null then not is_booked or ours_minor <> 0
                  else ours_n <> theirs_n and not is_booked or ours_minor <> theirs_minor or other_currency
                    or abs(ours_day - theirs_day) > $4::int or abs(ours_last_day - theirs_last_day) > $4::int end
     )`;

const NEAR =
  't.kind = o.kind and t.currency = o.currency and t.minor = o.minor and abs(t.day - o.day) <= $4::int';

/**
 * SQL of what is left on either side, paired by amount and day (`paired`): first on the very day, then in the order of days those that have one
 * that is near enough. Rows of a gateway that have a reference are known by it or not at all; a bank has references of its own.
 */
const LEFT = `
     ours_left as materialized (
       select row_number() over (order by kind, ref ${BYTEWISE}, source) as id, u.* from (
         select kind, ref, ours_minor as minor, ours_currency as currency, ours_day as day, source from pair where theirs_n is null
         union all
         select kind, null, minor, currency, day, source_id::text from reconciliation_entries where feed_id = $1 and ref is null) u
     ), theirs_left as materialized (
       select kind, ref, theirs_minor as minor, theirs_currency as currency, theirs_day as day, line from pair where ours_n is null and not $5::bool
       union all
       -- A bank has one reference on many lines.
       select kind, ref, minor, currency, day, line from row_of where $5::bool and (ref, kind) in (select ref, kind from pair where ours_n is null)
       union all
       select kind, null, minor, currency, day, line from row_of where ref is null
     ), exact as materialized (
       select o.id, t.line
       from (select *, row_number() over (partition by kind, currency, minor, day order by id) as nth from ours_left) o
       join (select *, row_number() over (partition by kind, currency, minor, day order by line) as nth from theirs_left
             where $5::bool or ref is null) t
         on t.kind = o.kind and t.currency = o.currency and t.minor = o.minor and t.day = o.day and t.nth = o.nth
     ), ours_near as (
       select * from ours_left o where id not in (select id from exact) and exists (
         select from theirs_left t where ($5::bool or t.ref is null) and t.line not in (select line from exact) and ${NEAR})
     ), theirs_near as (
       select * from theirs_left t where ($5::bool or ref is null) and line not in (select line from exact) and exists (
         select from ours_left o where o.id not in (select id from exact) and ${NEAR})
     ), near as (
       select o.id, t.line
       from (select *, row_number() over (partition by kind, currency, minor order by day, id) as nth from ours_near) o
       join (select *, row_number() over (partition by kind, currency, minor order by day, line) as nth from theirs_near) t
         on t.nth = o.nth and ${NEAR}
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
       select group_ref, currency, sum(coalesce(net_minor, minor - coalesce(fee_minor, 0)))::bigint as minor, min(day) as day
       from reconciliation_rows where feed_id = $1 and code is null and not $5::bool and kind <> 'payout' and group_ref is not null group by 1, 2
     ), charged as (
       select r.*, case when $6::int is not null and kind = 'capture' and minor > 0 then half_even(minor::numeric * $6::int, 10000) + $7::bigint
                        else minor - net_minor end as expected
       from reconciliation_rows r where feed_id = $1 and code is null and kind not in ('payout', 'cost') and fee_minor is not null
     ), found as (
       select case when other_currency then 'currency' when is_booked and ours_minor <> theirs_minor then 'amount' when is_booked then 'date'
                   when theirs_n > ours_n and (ref, kind) in (select ref, kind from repeated) then 'duplicate'
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
       select 'amount', 'payout', g.group_ref, p.line, null, g.minor, -p.minor, -p.minor - g.minor, g.currency, p.currency, null, p.day,
         case when g.day = (select min(day) from grouped) then 'Its first transactions are of the first day of the file: some may be of days before.' end
       from grouped g join reconciliation_rows p on p.feed_id = $1 and p.code is null and p.kind = 'payout'
         and coalesce(p.ref, p.group_ref) = g.group_ref and p.currency = g.currency
       where g.minor <> -p.minor and p.day between $2::date and $3::date
       union all
       select 'unreadable', null, ref, line, null, null, null, null, null, null, null, null, code || ': ' || reason
       from reconciliation_rows where feed_id = $1 and code is not null
     )`;

/** SQL of whether the difference `d` is decided and says what `f` does. */
const DECIDED_BEFORE = `d.class = f.class and d.status <> 'open' and d.kind is not distinct from f.kind
         and (d.ours_minor, d.theirs_minor, d.ours_currency, d.theirs_currency, d.ours_day, d.theirs_day)
           is not distinct from (f.ours_minor, f.theirs_minor, f.ours_currency, f.theirs_currency, f.ours_day, f.theirs_day)`;

/**
 * Writes all differences between what a file says and what we know, numbered from 1, in one statement. What was decided before about the
 * very same difference is left out. Returns how many there are.
 */
export function insertDifferences(
  tx: Transaction,
  { feedId, jobId }: { feedId: number; jobId: string },
  { mode, from, to, toleranceDays, fee }: ReconciliationRequest,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_differences',
    `with ${PAIRS}, ${LEFT}, ${FOUND}
     insert into reconciliation_differences (job_id, n, class, kind, ref, line, source_id, ours_minor, theirs_minor, delta_minor,
       ours_currency, theirs_currency, ours_day, theirs_day, detail)
     select $8, row_number() over (order by class, kind nulls first, ref ${BYTEWISE} nulls first, line nulls first, source nulls first),
       class, kind, ref, line, source::uuid, ours_minor, theirs_minor, delta, ours_currency, theirs_currency, ours_day, theirs_day, detail
     from (
       -- Of so many that say the same. A bank has one reference on many lines.
       select *, row_number() over (partition by class, kind, ref, ours_minor, theirs_minor, ours_currency, theirs_currency, ours_day, theirs_day, source
                                    order by line) as nth from found) f
     where case
       when f.ref is null then f.class = 'unreadable' or f.nth > (
         select count(*) from reconciliation_differences d
         where d.ref is null and d.source_id is not distinct from f.source::uuid and ${DECIDED_BEFORE})
       when $5::bool then f.nth > (select count(*) from reconciliation_differences d where d.ref = f.ref and ${DECIDED_BEFORE})
       else not exists (select from reconciliation_differences d where d.ref = f.ref and ${DECIDED_BEFORE}) end`,
    [
      feedId,
      from,
      to,
      toleranceDays,
      mode === 'bank',
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
