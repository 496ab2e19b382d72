import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import { eachCurrency } from '../money/currency-sql';
import { missingBelow } from '../money/cut-sql';
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

/** Currencies of rows of these days. */
export async function selectCurrencies(
  on: Queryable,
  { from, to, merchantId }: { from: string; to: string; merchantId: number | null },
): Promise<string[]> {
  const rows = await many<{ currency: string }>(
    on,
    'settlement.currencies',
    `with ${eachCurrency()}
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

/**
 * Runs fix what they see one after the other, so that each cut has all that the one before has. Held until the transaction ends; whoever
 * asks for a run does not wait for it.
 */
export function lockCuts(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'settlement.lock_cuts',
    `select pg_advisory_xact_lock(hashtext('holdfast.settlement_cut'))`,
  );
}

/**
 * Fixes what a run sees: the ledger up to an entry, without what is still being written below it. The caller has the lock of cuts.
 *
 * @param cut.isWhole nothing is being written below it
 */
export function updateCut(
  tx: Transaction,
  jobId: string,
  { last, isWhole }: { last: number; isWhole: boolean },
): Promise<number> {
  return execute(
    tx,
    'settlement.cut',
    `update settlement_runs set cut = nextval('settlement_cuts'), sees_to = $2,
       missing = ${missingBelow({ cuts: 'settlement_runs', last: '$2', isWhole: '$3' })}
     where job_id = $1`,
    [jobId, last, isWhole],
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
  { after, limit }: { after: Pick<SettlementLine, 'merchant' | 'day'> | undefined; limit: number },
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
