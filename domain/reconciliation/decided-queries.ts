import { execute, type Transaction } from '../../platform/database/database';
import { MARGIN_DAYS } from './staged-queries';
import type { ReconciliationRequest } from './types';

type Window = Pick<ReconciliationRequest, 'mode' | 'accountCurrency' | 'from' | 'to' | 'toleranceDays'>;

/** SQL of a difference whose line the bank has, and we have nothing of: such a line, and what was decided about it since. */
const OF_LINE = `coalesce(r.class, d.class) = 'missing_here' and coalesce(r.kind, d.kind) = 'payout'
         and (r.job_id is not null and r.ours_minor is null or r.job_id is null and d.ours_minor is null)`;

/** SQL of the difference that a decision is about: the one that it goes on from, or else itself. */
const FIRST_JOB_ID = 'coalesce(r.job_id, d.job_id)';
const FIRST_N = 'coalesce(r.n, d.n)';

/** SQL of differences `d` with the difference `r` that they go on from, by the mode of their file. */
const DECIDED = `reconciliation_differences d join feeds u on u.job_id = d.job_id and u.mode = $2
       left join reconciliation_differences r on r.job_id = d.earlier_job_id and r.n = d.earlier_n`;

/**
 * Writes what was booked before of things that both sides know by a reference. The amount that a fee or a payout of a gateway should come to is
 * no row of either side: of these it is looked up when they are compared.
 */
export function insertBookedEntries(
  tx: Transaction,
  feedId: number,
  { mode, accountCurrency, from, to, toleranceDays }: Window,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_booked_entries',
    `insert into reconciliation_entries (feed_id, kind, ref, minor, currency, day, booked_minor, earlier_job_id, earlier_n)
     select $1, kind, ref, minor, currency, day, minor, job_id, n from (
       select d.kind, d.ref, sum(d.delta_minor)::bigint as minor, coalesce(d.theirs_currency, d.ours_currency) as currency,
         min(coalesce(d.ours_day, d.theirs_day)) as day, (array_agg(d.job_id order by d.decided_at desc))[1] as job_id,
         (array_agg(d.n order by d.decided_at desc))[1] as n
       from ${DECIDED}
       where d.status = 'booked' and d.class <> 'fee' and d.ref is not null and d.delta_minor is not null
         and case when $2 = 'bank' then not (${OF_LINE}) else d.kind <> 'payout' end
       group by d.kind, d.ref, coalesce(d.theirs_currency, d.ours_currency)
       having sum(d.delta_minor) <> 0) b
     where day between $3::date - $5::int and $4::date + $5::int and ($6::text is null or currency = $6)`,
    [feedId, mode, from, to, toleranceDays + MARGIN_DAYS, accountCurrency],
  );
}

/**
 * Writes lines of a bank that were decided before: what was booked of one is ours, and is to be in a later statement of its day; what was
 * accepted may be. The last decision about a line says what it came to.
 */
export function insertDecidedLines(
  tx: Transaction,
  feedId: number,
  { mode, accountCurrency, from, to, toleranceDays }: Window,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_decided_lines',
    `insert into reconciliation_entries (feed_id, kind, minor, currency, day, booked_minor, known_ref, earlier_job_id, earlier_n)
     select $1, 'payout', minor, currency, day, booked, ref, job_id, n from (
       select distinct on (${FIRST_JOB_ID}, ${FIRST_N}) ${FIRST_JOB_ID} as job_id, ${FIRST_N} as n,
         d.ref, coalesce(d.theirs_minor, 0) as minor, coalesce(d.theirs_currency, d.ours_currency) as currency,
         coalesce(d.theirs_day, d.ours_day) as day,
         coalesce(sum(d.delta_minor) filter (where d.status = 'booked')
           over (partition by ${FIRST_JOB_ID}, ${FIRST_N}), 0)::bigint as booked
       from ${DECIDED}
       where d.status <> 'open' and ${OF_LINE}
       order by ${FIRST_JOB_ID}, ${FIRST_N}, d.decided_at desc) l
     where minor <> 0 and day between $3::date - $5::int and $4::date + $5::int and ($6::text is null or currency = $6)`,
    [feedId, mode, from, to, toleranceDays + MARGIN_DAYS, accountCurrency],
  );
}
