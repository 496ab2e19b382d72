import { execute, maybeOne, one, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { isSeenBy, wholeUpTo } from '../money/cut-sql';
import { leftOf } from '../money/posting-sql';
import { FEE_KINDS, KINDS_WITHOUT_PAYMENT } from '../money/types';

/**
 * SQL of days outside of those of the run `r` that were settled before, as `late`: what came late of such a day has an id above `after`. A
 * cut with ids that were being written is looked at from the first of these on.
 */
const LATE_DAYS = `select d.day, min(${wholeUpTo('b')}) as after
       from run r join settlement_days d on d.currency = r.currency and (r.merchant_id is null or d.merchant_id = r.merchant_id)
       join settlement_runs b on b.cut = d.cut
       where d.day not between r.from_day and r.to_day group by d.day`;

/** Writes the parts of a run: these days, and as the first one what came late. */
export function insertParts(
  tx: Transaction,
  jobId: string,
  days: readonly { from: string; to: string }[],
): Promise<number> {
  return execute(
    tx,
    'settlement.insert_parts',
    `with run as (select * from settlement_runs where job_id = $1::uuid)
     insert into settlement_parts (job_id, n, from_day, to_day, after_key, after_id)
     select $1, n, from_day, to_day, from_day - date '2000-01-01', 0
     from unnest($2::date[], $3::date[]) with ordinality as p (from_day, to_day, n)
     union all
     select $1, 0, null, null, min(l.day) - date '2000-01-01', 0 from (${LATE_DAYS}) l having count(*) > 0`,
    [jobId, days.map(({ from }) => from), days.map(({ to }) => to)],
  );
}

/** Numbers of the parts of a run, and how many rows they are about. */
export async function selectParts(on: Queryable, jobId: string): Promise<{ parts: number[]; total: number }> {
  return one(
    on,
    'settlement.parts',
    `with run as (select * from settlement_runs where job_id = $1)
     select coalesce(array_agg(p.n order by p.n), '{}') as parts, coalesce(sum(case
       when p.from_day is null then (select count(*) from (${LATE_DAYS}) d join money_ledger l
         on l.currency = r.currency and l.day = d.day and l.id > d.after and l.id <= r.sees_to)
       else (select count(*) from money_ledger l where l.currency = r.currency and l.day between p.from_day and p.to_day) end), 0)::bigint as total
     from settlement_parts p join run r using (job_id)`,
    [jobId],
  );
}

/**
 * SQL of rows `t` of the ledger, added up by merchant, day and kind, and by whether the run `r` counts them: those that it sees, and that the
 * file in which their day was settled before does not have.
 *
 * @param rows SQL of them
 */
function groupedSql(rows: string): string {
  return `grouped as materialized (
       select t.merchant_id, t.day, t.kind, c.is_counted, sum(t.amount_minor) as amount_minor, count(*) as rows, max(t.id) as last_id
       from (
         ${rows}
       ) t cross join run r
       left join settlement_days d on d.merchant_id = t.merchant_id and d.currency = r.currency and d.day = t.day
       left join settlement_runs b on b.cut = d.cut
       cross join lateral (
         select (r.merchant_id is null or t.merchant_id = r.merchant_id) and (t.day between r.from_day and r.to_day or d.cut is not null)
           and ${isSeenBy('t', 'r')} and (b.cut is null or not ${isSeenBy('t', 'b')}) as is_counted) c
       group by 1, 2, 3, 4
     )`;
}

/** SQL that adds what is `grouped` to the sums of the run, by merchant and day. */
const ADDED = `added as (
       insert into settlement_sums as s (job_id, merchant_id, day, gross_minor, fee_minor, txn_count)
       select $1, g.merchant_id, g.day,
         coalesce(sum(${leftOf('g')}), 0),
         coalesce(sum(case g.kind when 'fee' then g.amount_minor when 'fee_returned' then -g.amount_minor end), 0),
         coalesce(sum(g.rows) filter (where g.kind not in ${literals(FEE_KINDS)}), 0)
       from grouped g
       where g.is_counted and g.merchant_id is not null and g.kind not in ${literals(KINDS_WITHOUT_PAYMENT)}
       group by 2, 3
       on conflict (job_id, merchant_id, day) do update
       set gross_minor = s.gross_minor + excluded.gross_minor, fee_minor = s.fee_minor + excluded.fee_minor,
           txn_count = s.txn_count + excluded.txn_count
     )`;

interface Place {
  jobId: string;
  part: number;
  batch: number;
}

/**
 * Adds the next rows of a part, and moves it on, in one statement: what is added twice, or not at all, is nothing. Returns whether the part is
 * done.
 *
 * @param rows SQL of the next rows `t` of the ledger after `place`, of the run `run`, by day and id, at most $3
 */
async function sumNext(
  on: Queryable,
  name: string,
  { jobId, part, batch }: Place,
  rows: string,
): Promise<boolean> {
  const summed = await maybeOne<{ done: boolean }>(
    on,
    name,
    `with place as materialized (
       select *, date '2000-01-01' + after_key::int as after_day from settlement_parts
       where job_id = $1 and n = $2 and not done for no key update
     ), run as (select * from settlement_runs where job_id = $1), ${groupedSql(rows)}, ${ADDED}, last_row as (
       select day - date '2000-01-01' as key, max(last_id) as id from grouped group by day order by day desc limit 1
     ), read as (select coalesce(sum(rows), 0)::bigint as rows from grouped)
     update settlement_parts p
     set after_key = coalesce(l.key, p.after_key), after_id = coalesce(l.id, p.after_id), rows_read = p.rows_read + read.rows,
         done = read.rows < $3
     from place, read left join last_row l on true where p.job_id = place.job_id and p.n = place.n
     returning p.done`,
    [jobId, part, batch],
  );
  // It was done before.
  return summed?.done ?? true;
}

export function sumDays(on: Queryable, place: Place): Promise<boolean> {
  return sumNext(
    on,
    'settlement.sum_days',
    place,
    `select t.* from money_ledger t
       where t.currency = (select currency from run) and t.day <= (select to_day from place)
         and (t.day, t.id) > (select after_day, after_id from place)
       order by t.day, t.id limit $3`,
  );
}

/** The same of what came late: of each settled day only what its cuts do not have is read. */
export function sumLate(on: Queryable, place: Place): Promise<boolean> {
  return sumNext(
    on,
    'settlement.sum_late',
    place,
    `select t.* from place p cross join run cross join (${LATE_DAYS}) l cross join lateral (
         select t.* from money_ledger t where t.currency = run.currency and t.day = l.day
           and t.id > case when l.day = p.after_day then greatest(l.after, p.after_id) else l.after end and t.id <= run.sees_to
         order by t.id limit $3
       ) t
       where l.day >= p.after_day order by t.day, t.id limit $3`,
  );
}
