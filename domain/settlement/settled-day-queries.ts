import { execute, type Transaction } from '../../platform/database/database';

/**
 * Of merchants that came after a file about all merchants its days are settled as well: what is written of such a day is late, and in the
 * next file. (Their day may not have ended yet where they are; and money that was taken before there was the ledger is posted to who sells
 * the product now.) They came after all files that have ended, and nothing of theirs is in any: one that was there has their days.
 */
export function settleDaysOfNewMerchants(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'settlement.settle_days_of_new',
    `with run as (select * from settlement_runs where job_id = $1), ended as (
       select b.* from settlement_runs b join run r on b.currency = r.currency
       where b.finished is not null and b.merchant_id is null
     )
     insert into settlement_days (merchant_id, currency, day, cut)
     select m.id, r.currency, d.day, (select max(cut) from ended)
     from run r join merchants m on r.merchant_id is null or m.id = r.merchant_id
     cross join (select distinct generate_series(from_day::timestamp, to_day::timestamp, interval '1 day')::date as day from ended) d
     where not exists (
       select from settlement_days k where k.merchant_id = m.id and k.currency = r.currency and k.day = d.day)
     order by 1, 2, 3
     on conflict do nothing`,
    [jobId],
  );
}

/** The days of a run are settled up to its cut, and so are days that were settled before: what came late of them is in its file. */
export async function settleDays(tx: Transaction, jobId: string): Promise<void> {
  await execute(
    tx,
    'settlement.settle_days',
    `insert into settlement_days (merchant_id, currency, day, cut)
     select m.id, r.currency, d.day::date, r.cut
     from settlement_runs r join merchants m on r.merchant_id is null or m.id = r.merchant_id
     cross join lateral generate_series(r.from_day::timestamp, r.to_day::timestamp, interval '1 day') as d (day)
     where r.job_id = $1 and r.currency is not null
     -- As above: of two at once one waits.
     order by 1, 2, 3
     on conflict (merchant_id, currency, day) do update set cut = excluded.cut where settlement_days.cut < excluded.cut`,
    [jobId],
  );
  await execute(
    tx,
    'settlement.move_days_on',
    `update settlement_days d set cut = r.cut from settlement_runs r
     where r.job_id = $1 and d.currency = r.currency and (r.merchant_id is null or d.merchant_id = r.merchant_id) and d.cut < r.cut`,
    [jobId],
  );
  await execute(
    tx,
    'settlement.finish',
    `update settlement_runs set finished = nextval('settlement_ends') where job_id = $1`,
    [jobId],
  );
}
