import { execute, many, one, type Queryable, type Transaction } from '../../platform/database/database';
import type { Compared } from './pair-queries';

/**
 * What was just written has no statistics, and to make some would keep other comparisons waiting. A nested loop, or a merge by one column, would
 * be chosen for a few rows, and meet all of them.
 */
export async function joinByHashOnly(tx: Transaction, only: boolean): Promise<void> {
  await execute(
    tx,
    'reconciliation.join_by_hash',
    `select set_config('enable_nestloop', $1, true), set_config('enable_mergejoin', $1, true)`,
    [only ? 'off' : 'on'],
  );
}

/** SQL that removes what is paired (`paired`, as `ours` and `theirs`), and says of the rest of what could have been (`unsure`) that it is not certain. */
const TAKEN = `pairs_of as materialized (
       select true as is_ours, ours as id from paired union all select false, theirs from paired
     ), taken as (
       delete from reconciliation_left l using pairs_of p where l.feed_id = $1 and l.is_ours = p.is_ours and l.id = p.id
     )
     update reconciliation_left l
     set detail = 'Others of the same amount are as near: which of them is not there is not known.'
     from unsure u where l.feed_id = $1 and l.is_ours = u.is_ours and l.id = u.id
       and not exists (select from pairs_of p where p.is_ours = u.is_ours and p.id = u.id)`;

/** Pairs what is left by amount and day: the first with the first. */
export function pairSameDay(tx: Transaction, feedId: number): Promise<number> {
  return execute(
    tx,
    'reconciliation.pair_same_day',
    `with nth_of as materialized (
       select *, row_number() over (partition by is_ours, kind, currency, minor, day order by id) as nth
       from reconciliation_left where feed_id = $1 and is_pairable
     ), paired as materialized (
       select o.id as ours, t.id as theirs, kind, currency, minor, day
       from (select * from nth_of where is_ours) o join (select * from nth_of where not is_ours) t using (kind, currency, minor, day, nth)
     ), unsure as (
       select n.is_ours, n.id from nth_of n join (select distinct kind, currency, minor, day from paired) p using (kind, currency, minor, day)
       where n.booked_minor is null
     ), ${TAKEN}`,
    [feedId],
  );
}

/** The same of those that have one near enough, in the order of days. What was decided has the day of its line. */
export function pairNearDays(
  tx: Transaction,
  { feedId, request: { toleranceDays } }: Compared,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.pair_near_days',
    `with pairable as materialized (
       select is_ours, id, kind, currency, minor, day from reconciliation_left where feed_id = $1 and is_pairable and booked_minor is null
     ), near as materialized (
       select p.*, row_number() over (partition by is_ours, kind, currency, minor order by day, id) as nth from pairable p
       where exists (select from pairable o where o.is_ours <> p.is_ours and o.kind = p.kind and o.currency = p.currency
                       and o.minor = p.minor and abs(o.day - p.day) <= $2::int)
     ), paired as materialized (
       select o.id as ours, t.id as theirs
       from (select * from near where is_ours) o join (select * from near where not is_ours) t using (kind, currency, minor, nth)
       where abs(t.day - o.day) <= $2::int
     ), unsure as (
       select is_ours, id from near
     ), ${TAKEN}`,
    [feedId, toleranceDays],
  );
}

/**
 * Pairs a line that was decided with what a corrected statement of the bank has instead: the only other one of its day, with its reference.
 * Of one that was accepted less than that is known as well.
 */
export function pairCorrected(tx: Transaction, feedId: number): Promise<number> {
  return execute(
    tx,
    'reconciliation.pair_corrected',
    `with corrected as materialized (
       select o.id as ours, t.id as theirs, o.kind, o.known_ref as ref, o.minor, o.currency, o.day, t.minor as theirs_minor, o.booked_minor, o.earlier_job_id, o.earlier_n,
         count(*) over (partition by o.id) + count(*) over (partition by t.id) as n
       from reconciliation_left o join reconciliation_left t
         on t.feed_id = o.feed_id and not t.is_ours and t.ref = o.known_ref and t.kind = o.kind and t.currency = o.currency and t.day = o.day
         and (o.booked_minor <> 0 or sign(o.minor) = sign(t.minor))
       where o.feed_id = $1 and o.is_ours and o.booked_minor is not null
     ), sure as (
       select * from corrected where n = 2
     ), taken as (
       delete from reconciliation_left l using (
         select true as is_ours, ours as id from sure union all select false, theirs from sure) p
       where l.feed_id = $1 and l.is_ours = p.is_ours and l.id = p.id
     )
     insert into reconciliation_pairs (feed_id, ref, kind, ours_n, theirs_n, ours_minor, theirs_minor, ours_currency, theirs_currency,
       other_currency, ours_day, theirs_day, line, is_booked, is_repeated, earlier_job_id, earlier_n)
     select $1, ref, kind, 1, 1, minor, theirs_minor, currency, currency, false, day, day, theirs, true, false, earlier_job_id, earlier_n
     from sure where booked_minor <> 0 or abs(theirs_minor) > abs(minor)`,
    [feedId],
  );
}

/** Something that is left, which may be in a group. */
export interface Left {
  id: number;
  ref: string | null;
  minor: number;
  currency: string;
  day: string;
}

/** So many digits can be added up exactly. */
const GROUPABLE = 'is_pairable and booked_minor is null and abs(minor) between 1 and 999999999999999';

/** How much is left that may be in groups: so much, or more. */
export function countLeft(on: Queryable, feedId: number, limit: number): Promise<{ count: number }> {
  return one(
    on,
    'reconciliation.count_left',
    `select count(*) as count from (
       select from reconciliation_left where feed_id = $1 and ${GROUPABLE} limit $2) l`,
    [feedId, limit],
  );
}

export function selectLeft(on: Queryable, feedId: number, isOurs: boolean): Promise<Left[]> {
  return many<Left & Record<string, unknown>>(
    on,
    'reconciliation.left',
    `select id, ref, minor, currency, day::text as day from reconciliation_left
     where feed_id = $1 and is_ours = $2 and ${GROUPABLE} order by currency, day, id`,
    [feedId, isOurs],
  );
}

/** Removes what is in a group. */
export async function deleteGrouped(
  tx: Transaction,
  feedId: number,
  { ours, theirs }: { ours: readonly number[]; theirs: readonly number[] },
): Promise<void> {
  await execute(
    tx,
    'reconciliation.delete_grouped',
    `delete from reconciliation_left l using (
       select true as is_ours, unnest($2::bigint[]) as id union all select false, unnest($3::bigint[])) g
     where l.feed_id = $1 and l.is_ours = g.is_ours and l.id = g.id`,
    [feedId, ours, theirs],
  );
}

/** Says what is not certain about some of what is left. */
export async function updateDetails(
  tx: Transaction,
  feedId: number,
  isOurs: boolean,
  details: ReadonlyMap<number, string>,
): Promise<void> {
  await execute(
    tx,
    'reconciliation.details',
    `update reconciliation_left l set detail = d.detail from unnest($3::bigint[], $4::text[]) as d (id, detail)
     where l.feed_id = $1 and l.is_ours = $2 and l.id = d.id`,
    [feedId, isOurs, [...details.keys()], [...details.values()]],
  );
}
