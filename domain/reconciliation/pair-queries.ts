import { execute, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { ReconciliationRequest } from './types';

/** An upload that is compared, and what is asked for of it. */
export interface Compared {
  feedId: number;
  request: ReconciliationRequest;
}

const ASKED = 'day between $2::date and $3::date';
/** What takes a part of a capture back is no capture of its own. */
const COUNTED = `(kind <> 'capture' or minor > 0)`;

/** SQL of what rows of one reference and kind come to: all of them, and those of the days that are asked for. */
const figures = (
  counted: string,
) => `count(*) filter (where ${counted}) as n, sum(minor)::bigint as minor, min(day) as day, max(day) as last_day,
         count(*) filter (where ${counted} and ${ASKED}) as asked_n, coalesce(sum(minor) filter (where ${ASKED}), 0)::bigint as asked_minor,
         min(day) filter (where ${ASKED}) as asked_day, max(day) filter (where ${ASKED}) as asked_last_day,
         min(currency) as currency, max(currency) as last_currency`;

/** SQL of a figure of a pair. */
const figure = (side: 'o' | 't', name: string) =>
  `case when s.is_of_asked then ${side}.asked_${name} else ${side}.${name} end`;

/**
 * Writes what both sides have under the same reference and kind where that is not the same: of captures in parts, and of what a file has
 * twice, several rows have one. What only one of them has is written as well. What was booked counts as ours. Parts of other days are
 * left out where one side has more of these: a file begins and ends somewhere. A bank may pay by as many transfers as it likes.
 */
export function insertPairs(tx: Transaction, { feedId, request }: Compared): Promise<number> {
  const { from, to, toleranceDays, mode } = request;
  return execute(
    tx,
    'reconciliation.insert_pairs',
    `with our_rows as not materialized (
       select ref, kind, minor, currency, day, source_id, booked_minor, earlier_job_id, earlier_n
       from reconciliation_entries where feed_id = $1 and ref is not null
     ), their_rows as not materialized (
       select ref, kind, minor, currency, day, line from reconciliation_rows
       where feed_id = $1 and ref is not null and code is null and kind <> 'cost' and ($5::bool or kind <> 'payout')
     ), odd as materialized (
       -- One row of each that say the same are nearly all: they are left out before anything is looked at closely.
       select distinct ref, kind from (
         select ref, kind from (
           select ref, kind, currency, minor, day, 1 as side from our_rows
           union all
           select ref, kind, currency, -minor, day, -1 from their_rows) r
         group by ref, kind, currency
         having count(*) <> 2 or sum(side) <> 0 or sum(minor) <> 0 or max(day) - min(day) > $4::int) d
     ), ours as (
       select ref, kind, ${figures(`${COUNTED} and booked_minor is null`)},
         min(source_id::text) filter (where booked_minor is null) as source, bool_or(booked_minor is not null) as is_booked,
         min(earlier_job_id::text) as earlier_job_id, min(earlier_n) as earlier_n
       from our_rows where (ref, kind) in (select ref, kind from odd) group by ref, kind
       having count(*) filter (where booked_minor is null) > 0 or sum(minor) <> 0
     ), theirs as (
       select ref, kind, ${figures(COUNTED)}, coalesce(min(line) filter (where ${ASKED}), min(line)) as line,
         count(*) > count(distinct minor) as is_repeated
       from their_rows where (ref, kind) in (select ref, kind from odd) group by ref, kind
     ), both_sides as (
       select coalesce(o.ref, t.ref) as ref, coalesce(o.kind, t.kind) as kind,
         ${figure('o', 'n')} as ours_n, ${figure('t', 'n')} as theirs_n,
         ${figure('o', 'minor')} as ours_minor, ${figure('t', 'minor')} as theirs_minor,
         o.currency as ours_currency, t.currency as theirs_currency,
         (o.currency, o.last_currency) <> (t.currency, t.last_currency) as other_currency,
         ${figure('o', 'day')} as ours_day, ${figure('t', 'day')} as theirs_day,
         ${figure('o', 'last_day')} as ours_last_day, ${figure('t', 'last_day')} as theirs_last_day, o.source, t.line,
         coalesce(o.is_booked, false) as is_booked, coalesce(t.is_repeated, false) as is_repeated, o.earlier_job_id, o.earlier_n
       from ours o full join theirs t on t.ref = o.ref and t.kind = o.kind
       cross join lateral (select case
         when t.ref is null then o.asked_day is not null
         when o.ref is null or o.n = 0 then t.asked_day is not null
         else o.asked_n > 0 and (o.asked_n, o.asked_minor) = (t.asked_n, t.asked_minor) or abs(o.asked_n - t.asked_n) < abs(o.n - t.n)
         end as is_of_asked) s
     )
     insert into reconciliation_pairs (feed_id, ref, kind, ours_n, theirs_n, ours_minor, theirs_minor, ours_currency, theirs_currency,
       other_currency, ours_day, theirs_day, source_id, line, is_booked, is_repeated, earlier_job_id, earlier_n)
     select $1, ref, kind, ours_n, theirs_n, ours_minor, theirs_minor, ours_currency, theirs_currency, other_currency, ours_day, theirs_day,
       source::uuid, line, is_booked, is_repeated, earlier_job_id::uuid, earlier_n
     from both_sides
     -- What comes to nothing by itself, as a payment and its failure, is of no interest; of a bank, one reference is on many lines.
     where case when ours_n is null then $5::bool or theirs_minor <> 0 when theirs_n is null then ours_minor <> 0
                else ours_n <> theirs_n and not is_booked and not $5::bool or ours_minor <> theirs_minor or other_currency
                  or abs(ours_day - theirs_day) > $4::int or abs(ours_last_day - theirs_last_day) > $4::int end`,
    [feedId, from, to, toleranceDays, mode === 'bank'],
  );
}

/**
 * Writes what is left on either side. Rows of a gateway that have a reference are known by it or not at all; a bank has references of its own,
 * and one of them on many lines.
 */
export function insertLeft(tx: Transaction, { feedId, request: { mode } }: Compared): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_left',
    `insert into reconciliation_left (feed_id, is_ours, id, kind, ref, minor, currency, day, source_id, is_pairable, booked_minor, known_ref,
       earlier_job_id, earlier_n)
     select $1, true,
       -- What was decided is paired last.
       row_number() over (order by booked_minor is not null, booked_minor = 0, kind, ref ${BYTEWISE}, source_id, earlier_job_id, earlier_n),
       kind, ref, minor, currency, day, source_id, true, booked_minor, known_ref, earlier_job_id, earlier_n
     from (
       select kind, ref, ours_minor as minor, ours_currency as currency, ours_day as day, source_id,
         case when ours_n = 0 then ours_minor end as booked_minor, null as known_ref, earlier_job_id, earlier_n
       from reconciliation_pairs where feed_id = $1 and theirs_n is null
       union all
       select kind, null, minor, currency, day, source_id, booked_minor, known_ref, earlier_job_id, earlier_n
       from reconciliation_entries where feed_id = $1 and ref is null) o
     union all
     select $1, false, line, kind, ref, minor, currency, day, null, is_pairable, null, null, null, null
     from (
       select kind, ref, theirs_minor as minor, theirs_currency as currency, theirs_day as day, line, false as is_pairable
       from reconciliation_pairs where feed_id = $1 and ours_n is null and not $2::bool
       union all
       select kind, ref, minor, currency, day, line, true from reconciliation_rows
       where feed_id = $1 and code is null and kind <> 'cost' and ($2::bool or kind <> 'payout')
         and (ref is null or $2::bool and (ref, kind) in (select ref, kind from reconciliation_pairs where feed_id = $1 and ours_n is null))
     ) t`,
    [feedId, mode === 'bank'],
  );
}

/** Removes what the comparison has worked with. */
export async function deleteCompared(tx: Transaction, feedId: number): Promise<void> {
  await execute(tx, 'reconciliation.delete_pairs', 'delete from reconciliation_pairs where feed_id = $1', [
    feedId,
  ]);
  await execute(tx, 'reconciliation.delete_left', 'delete from reconciliation_left where feed_id = $1', [
    feedId,
  ]);
}
