import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import { literals } from '../../platform/database/literals';
import { leftOf } from '../money/posting-sql';
import { FEE_KINDS, KINDS_WITHOUT_PAYMENT } from '../money/types';
import type { SettlementLine } from './types';

/** Which runs there are is decided one after the other. Held until the transaction ends. */
export function lockRuns(tx: Transaction): Promise<number> {
  return execute(tx, 'settlement.lock', `select pg_advisory_xact_lock(hashtext('holdfast.settlement'))`);
}

/** Merchants in whose time zone a day has not ended, a few. */
export async function selectOpenDay(
  on: Queryable,
  { day, merchantId }: { day: string; merchantId: number | null },
): Promise<string[]> {
  const rows = await many<{ code: string }>(
    on,
    'settlement.open_day',
    `select code from merchants m
     where ($2::int is null or m.id = $2) and (clock_timestamp() at time zone m.zone)::date <= $1::date
     order by code ${BYTEWISE} limit 5`,
    [day, merchantId],
  );
  return rows.map(({ code }) => code);
}

/** Currencies of rows of these days; by the index, from one to the next. */
export async function selectCurrencies(
  on: Queryable,
  { from, to, merchantId }: { from: string; to: string; merchantId: number | null },
): Promise<string[]> {
  const rows = await many<{ currency: string }>(
    on,
    'settlement.currencies',
    `with recursive each as (
       (select currency from money_ledger order by currency limit 1)
       union all
       select (select l.currency from money_ledger l where l.currency > e.currency order by l.currency limit 1)
       from each e where e.currency is not null
     )
     select e.currency from each e where e.currency is not null and exists (
       select from money_ledger l where l.currency = e.currency and l.day between $1::date and $2::date
         and l.merchant_id is not null and ($3::int is null or l.merchant_id = $3))
     order by 1`,
    [from, to, merchantId],
  );
  return rows.map(({ currency }) => currency);
}

export interface RunScope {
  from: string;
  to: string;
  merchantId: number | null;
  currency: string | null;
}

/** The latest job of this very range that is open or completed, and no supplement. */
export async function selectSameRun(on: Queryable, scope: RunScope): Promise<string | undefined> {
  const row = await maybeOne<{ jobId: string }>(
    on,
    'settlement.same_run',
    `select r.job_id as "jobId" from settlement_runs r join jobs j on j.id = r.job_id
     where r.from_day = $1::date and r.to_day = $2::date and r.merchant_id is not distinct from $3::int
       and r.currency is not distinct from $4 and not r.supplement and j.status in ('queued', 'running', 'completed')
     order by j.created_at desc, j.id desc limit 1`,
    [scope.from, scope.to, scope.merchantId, scope.currency],
  );
  return row?.jobId;
}

/** Settlement jobs that have not ended. */
export async function countOpenRuns(on: Queryable): Promise<number> {
  const { open } = await one<{ open: number }>(
    on,
    'settlement.open_runs',
    `select count(*)::int as open from jobs where status in ('queued', 'running') and type = 'settlement'`,
  );
  return open;
}

export function insertRun(
  tx: Transaction,
  jobId: string,
  { from, to, merchantId, currency, supplement }: RunScope & { supplement: boolean },
): Promise<number> {
  return execute(
    tx,
    'settlement.insert_run',
    `insert into settlement_runs (job_id, from_day, to_day, merchant_id, currency, supplement) values ($1, $2, $3, $4, $5, $6)
     on conflict (job_id) do nothing`,
    [jobId, from, to, merchantId, currency, supplement],
  );
}

export interface RunRow extends RunScope {
  cut: number | null;
  base: number | null;
}

/** A run, locked. */
export function selectRunForUpdate(tx: Transaction, jobId: string): Promise<RunRow> {
  return one<RunRow & Record<string, unknown>>(
    tx,
    'settlement.lock_run',
    `select from_day::text as from, to_day::text as to, merchant_id as "merchantId", currency, cut, base
     from settlement_runs where job_id = $1 for no key update`,
    [jobId],
  );
}

export async function selectCurrency(on: Queryable, jobId: string): Promise<string | null> {
  const { currency } = await one<{ currency: string | null }>(
    on,
    'settlement.currency',
    'select currency from settlement_runs where job_id = $1',
    [jobId],
  );
  return currency;
}

/** Fixes what a run sees. The caller has the lock of runs, so that numbers of cuts rise as their snapshots do. */
export function updateCut(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'settlement.cut',
    `update settlement_runs set cut = nextval('settlement_cuts'), snapshot = pg_current_snapshot() where job_id = $1`,
    [jobId],
  );
}

/** A run begins to sum: what ended before it is taken for settled. */
export function updateBase(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'settlement.base',
    `update settlement_runs set base = (select coalesce(max(finished), 0) from settlement_runs) where job_id = $1`,
    [jobId],
  );
}

export async function deleteParts(tx: Transaction, jobId: string): Promise<void> {
  await execute(tx, 'settlement.delete_parts', 'delete from settlement_parts where job_id = $1', [jobId]);
}

export async function deleteSums(tx: Transaction, jobId: string): Promise<void> {
  await execute(tx, 'settlement.delete_sums', 'delete from settlement_sums where job_id = $1', [jobId]);
}

/** Writes the parts of a run: these days, and as the last one what came late. */
export function insertParts(
  tx: Transaction,
  jobId: string,
  days: readonly { from: string; to: string }[],
): Promise<number> {
  return execute(
    tx,
    'settlement.insert_parts',
    `insert into settlement_parts (job_id, n, from_day, to_day, after_key, after_id)
     select $1::uuid, n, from_day, to_day, from_day - date '2000-01-01', 0
     from unnest($2::date[], $3::date[]) with ordinality as p (from_day, to_day, n)
     union all
     -- After the oldest transaction that a cut did not show.
     select $1, 0, null, null, min(pg_snapshot_xmin(b.snapshot)::text::bigint) - 1, 9223372036854775807
     from settlement_runs r join settlement_days d on d.currency = r.currency and (r.merchant_id is null or d.merchant_id = r.merchant_id)
     join settlement_runs b on b.cut = d.cut where r.job_id = $1 having count(*) > 0`,
    [jobId, days.map(({ from }) => from), days.map(({ to }) => to)],
  );
}

/** Numbers of the parts of a run, and how many rows they are about. */
export async function selectParts(on: Queryable, jobId: string): Promise<{ parts: number[]; total: number }> {
  return one(
    on,
    'settlement.parts',
    `select coalesce(array_agg(p.n order by p.n), '{}') as parts, coalesce(sum(case
       when p.from_day is null then (select count(*) from money_ledger l where l.xid::text::bigint > p.after_key)
       else (select count(*) from money_ledger l where l.currency = r.currency and l.day between p.from_day and p.to_day) end), 0)::bigint as total
     from settlement_parts p join settlement_runs r using (job_id) where p.job_id = $1`,
    [jobId],
  );
}

/** SQL of what rows `t` of the ledger come to by merchant and day, of the run `r`, without what was settled: cut by cut. */
const COUNTED = `counted as (
       select t.merchant_id, t.day,
         coalesce(sum(${leftOf('t')}), 0) as gross,
         coalesce(sum(case t.kind when 'fee' then t.amount_minor when 'fee_returned' then -t.amount_minor end), 0) as fee,
         count(*) filter (where t.kind not in ${literals(FEE_KINDS)}) as count
       from part t cross join run r
       left join settlement_days d on d.merchant_id = t.merchant_id and d.currency = r.currency and d.day = t.day
       left join settlement_runs b on b.cut = d.cut
       where t.merchant_id is not null and t.kind not in ${literals(KINDS_WITHOUT_PAYMENT)} and t.currency = r.currency and (r.merchant_id is null or t.merchant_id = r.merchant_id)
         and (t.day between r.from_day and r.to_day or d.cut is not null)
         and pg_visible_in_snapshot(t.xid, r.snapshot) and (b.snapshot is null or not pg_visible_in_snapshot(t.xid, b.snapshot))
       group by 1, 2
     ), added as (
       insert into settlement_sums as s (job_id, merchant_id, day, gross_minor, fee_minor, txn_count)
       select $1, merchant_id, day, gross, fee, count from counted
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
 * @param read.rows SQL of the next rows `t` of the ledger after `place`, of the run `run`
 * @param read.key SQL of what, with their ids, they are in the order of
 * @param read.counted SQL of those of `read_rows` that count
 */
async function sumNext(
  on: Queryable,
  name: string,
  { jobId, part, batch }: Place,
  read: { rows: string; key: string; counted: string },
): Promise<boolean> {
  const summed = await maybeOne<{ done: boolean }>(
    on,
    name,
    `with place as materialized (
       select * from settlement_parts where job_id = $1 and n = $2 and not done for no key update
     ), run as (select * from settlement_runs where job_id = $1), read_rows as materialized (
       ${read.rows} limit $3
     ), part as (${read.counted}), ${COUNTED}, last_row as (
       select ${read.key} as key, t.id from read_rows t order by 1 desc, 2 desc limit 1
     ), read as (select count(*) as rows from read_rows)
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
  return sumNext(on, 'settlement.sum_days', place, {
    rows: `select t.* from money_ledger t
       where t.currency = (select currency from run) and t.day <= (select to_day from place)
         and (t.day, t.id) > (select date '2000-01-01' + p.after_key::int, p.after_id from place p)
       order by t.day, t.id`,
    key: `t.day - date '2000-01-01'`,
    counted: 'select * from read_rows',
  });
}

/** The same of what came late. */
export function sumLate(on: Queryable, place: Place): Promise<boolean> {
  return sumNext(on, 'settlement.sum_late', place, {
    rows: `select t.* from money_ledger t
       where (t.xid::text::bigint, t.id) > (select p.after_key, p.after_id from place p)
         and t.xid::text::bigint < (select pg_snapshot_xmax(snapshot)::text::bigint from run)
       order by t.xid::text::bigint, t.id`,
    key: 't.xid::text::bigint',
    // Those of the run's own days are read by day.
    counted: 'select t.* from read_rows t cross join run r where t.day not between r.from_day and r.to_day',
  });
}

/** By which end of another run a run was summed; null: its parts are not all done. */
export async function selectSummedBase(on: Queryable, jobId: string): Promise<number | null> {
  const { base } = await one<{ base: number | null }>(
    on,
    'settlement.summed_base',
    `select case when not exists (select from settlement_parts p where p.job_id = r.job_id and not p.done) then r.base end as base
     from settlement_runs r where r.job_id = $1`,
    [jobId],
  );
  return base;
}

/** Rows that all parts of a run have read. */
export async function selectRowsRead(on: Queryable, jobId: string): Promise<number> {
  const { rows } = await one<{ rows: number }>(
    on,
    'settlement.rows_read',
    'select coalesce(sum(rows_read), 0)::bigint as rows from settlement_parts where job_id = $1',
    [jobId],
  );
  return rows;
}

/** Lines of a file after one, by the bytes of the merchant's code and day. */
export function selectLines(
  on: Queryable,
  jobId: string,
  { after, limit }: { after: { merchant: string; day: string } | null; limit: number },
): Promise<SettlementLine[]> {
  return many<SettlementLine & Record<string, unknown>>(
    on,
    'settlement.lines',
    `select m.code as merchant, s.day::text as day, s.gross_minor as gross, s.fee_minor as fee, s.txn_count as count
     from settlement_sums s join merchants m on m.id = s.merchant_id
     where s.job_id = $1 and ($2::text is null or (m.code ${BYTEWISE}, s.day) > ($2 ${BYTEWISE}, $3::date))
     order by m.code ${BYTEWISE}, s.day limit $4`,
    [jobId, after?.merchant ?? null, after?.day ?? null, limit],
  );
}

/**
 * Runs end one after the other, so that each sees which days are settled, and the numbers of their ends rise as they are committed. Held
 * until the transaction ends.
 */
export function lockEnds(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'settlement.lock_ends',
    `select pg_advisory_xact_lock(hashtext('holdfast.settlement_end'))`,
  );
}

/** Whether another run about the same money has ended since this one began to sum. */
export async function existsLater(on: Queryable, jobId: string): Promise<boolean> {
  const { later } = await one<{ later: boolean }>(
    on,
    'settlement.later',
    `select exists (
       select from settlement_runs r join settlement_runs o on o.finished > r.base and o.currency = r.currency
         and (o.merchant_id is null or r.merchant_id is null or o.merchant_id = r.merchant_id)
       where r.job_id = $1) as later`,
    [jobId],
  );
  return later;
}

/** The transaction that a connection is in. */
export interface Backend {
  /** Of the process that serves it */
  pid: number;
  /** When it began, to the microsecond. */
  since: string;
}

export function selectBackend(tx: Transaction): Promise<Backend> {
  return one(tx, 'settlement.backend', 'select pg_backend_pid() as pid, now()::text as since');
}

/** Ends the statement that another connection runs, as long as that is in the same transaction: later it may be at something else. Of the same role. */
export function cancelStatement(on: Queryable, { pid, since }: Backend): Promise<number> {
  return execute(
    on,
    'settlement.cancel_statement',
    'select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and xact_start = $2::timestamptz',
    [pid, since],
  );
}
