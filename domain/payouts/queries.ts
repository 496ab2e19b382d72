import {
  execute,
  many,
  maybeOne,
  one,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../platform/database/pages';
import type { LedgerCut } from '../money/cut';
import { eachCurrency } from '../money/currency-sql';
import { missingBelow } from '../money/cut-sql';
import { isLine, owedBy } from './lines-sql';
import { OPEN_PAYOUT_STATUSES, type PayoutStatus, type PayoutView, type StatementLine } from './types';

/** Payouts change one after the other. Held until the transaction ends. */
export function lockPayouts(tx: Transaction): Promise<number> {
  return execute(tx, 'payouts.lock', `select pg_advisory_xact_lock(hashtext('holdfast.payouts'))`);
}

export interface PayoutRow extends PayoutView {
  merchantId: number;
  /** `createdAt` to the microsecond. */
  createdAtMicros: string;
}

const COLUMNS = `p.id, m.code as merchant, p.merchant_id as "merchantId", p.currency, p.status, p.amount_minor as "amountMinor",
  p.line_count as lines, p.created_by as "createdBy", ${utc('p.created_at')} as "createdAt", p.approved_by as "approvedBy",
  ${utc('p.approved_at')} as "approvedAt", p.reference, p.paid_on::text as "paidOn", p.paid_by as "paidBy",
  ${utc('p.paid_at')} as "paidAt", p.cancel_reason as "cancelReason", p.cancelled_by as "cancelledBy",
  ${utc('p.cancelled_at')} as "cancelledAt", ${utcMicros('p.created_at')} as "createdAtMicros"`;

export function selectPayout(on: Queryable, id: string): Promise<PayoutRow | undefined> {
  return maybeOne<PayoutRow & Record<string, unknown>>(
    on,
    'payouts.by_id',
    `select ${COLUMNS} from payouts p join merchants m on m.id = p.merchant_id where p.id = $1`,
    [id],
  );
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectPayouts(
  db: Database,
  filter: PageRequest & { merchantId?: number | undefined; status?: PayoutStatus | undefined },
): Promise<PayoutRow[]> {
  const query = db
    .builder('payouts as p')
    .join('merchants as m', 'm.id', 'p.merchant_id')
    .select(db.builder.raw(COLUMNS));
  if (filter.merchantId !== undefined) void query.where('p.merchant_id', filter.merchantId);
  if (filter.status !== undefined) void query.where('p.status', filter.status);
  return db.list<PayoutRow & Record<string, unknown>>(
    newestFirst(query, { time: 'p.created_at', id: 'p.id' }, filter),
  );
}

/** Currencies in which a merchant was ever owed something. */
export async function selectCurrencies(on: Queryable, merchantId: number): Promise<string[]> {
  const rows = await many<{ currency: string }>(
    on,
    'payouts.currencies',
    `with ${eachCurrency('l.merchant_id = $1')} select currency from each where currency is not null`,
    [merchantId],
  );
  return rows.map(({ currency }) => currency);
}

/** The payout of a merchant that is neither paid nor cancelled. */
export async function selectOpen(
  on: Queryable,
  merchantId: number,
  currency: string,
): Promise<string | undefined> {
  const open = await maybeOne<{ id: string }>(
    on,
    'payouts.open',
    `select id from payouts where merchant_id = $1 and currency = $2 and status in ${literals(OPEN_PAYOUT_STATUSES)}`,
    [merchantId, currency],
  );
  return open?.id;
}

export interface Owed {
  minor: number | bigint;
  lines: number;
}

/**
 * Makes a payout of what a merchant is owed of rows up to a cut that no payout has, where that is more than zero; in one statement, so that
 * what it sums is what it says to have seen. Returns what it came to. The caller has the lock of payouts.
 */
export function insertPayout(
  tx: Transaction,
  made: { id: string; merchantId: number; currency: string; actor: string },
  { last, isWhole }: LedgerCut,
): Promise<Owed> {
  return one<Owed & Record<string, unknown>>(
    tx,
    'payouts.insert',
    `with before as materialized (
       select p.id, p.sees_to, p.missing from payouts p
       where p.merchant_id = $2 and p.currency = $3 and p.status <> 'cancelled' and not exists (
         select from payouts f where f.merchant_id = $2 and f.currency = $3 and f.after = p.id and f.status <> 'cancelled')
     ), cut as materialized (
       select $5::bigint as sees_to, ${missingBelow({ cuts: 'payouts', last: '$5::bigint', isWhole: '$6' })} as missing
     ), owed as (
       select coalesce(sum(${owedBy('l')}), 0)::bigint as minor, count(l.id) as lines
       from cut c left join before b on true left join money_ledger l on ${isLine({ merchant: '$2::int', currency: '$3::char(3)', cut: 'c', before: 'b' })}
     ), made as (
       insert into payouts (id, merchant_id, currency, sees_to, missing, after, amount_minor, line_count, created_by)
       select $1, $2, $3, c.sees_to, c.missing, (select id from before), o.minor, o.lines, $4 from owed o cross join cut c where o.minor > 0
     )
     select minor, lines from owed`,
    [made.id, made.merchantId, made.currency, made.actor, last, isWhole],
  );
}

export function updateApproved(tx: Transaction, id: string, actor: string): Promise<number> {
  return execute(
    tx,
    'payouts.approve',
    `update payouts set status = 'approved', approved_by = $2, approved_at = clock_timestamp() where id = $1 and status = 'pending'`,
    [id, actor],
  );
}

/** Whether a day has not come yet wherever a bank may be. */
export async function isFuture(on: Queryable, day: string): Promise<boolean> {
  const { future } = await one<{ future: boolean }>(
    on,
    'payouts.is_future',
    `select $1::date > (clock_timestamp() at time zone 'Pacific/Kiritimati')::date as future`,
    [day],
  );
  return future;
}

/** @param paidOn null: today, in UTC */
export function updatePaid(
  tx: Transaction,
  { id, reference, paidOn, actor }: { id: string; reference: string; paidOn: string | null; actor: string },
): Promise<number> {
  return execute(
    tx,
    'payouts.paid',
    `update payouts set status = 'paid', reference = $2, paid_by = $4, paid_at = t.now,
       paid_on = coalesce($3::date, (t.now at time zone 'UTC')::date)
     from (select clock_timestamp() as now) t where id = $1 and status = 'approved'`,
    [id, reference, paidOn, actor],
  );
}

export function updateCancelled(
  tx: Transaction,
  { id, reason, actor }: { id: string; reason: string; actor: string },
): Promise<number> {
  return execute(
    tx,
    'payouts.cancel',
    `update payouts set status = 'cancelled', cancel_reason = $2, cancelled_by = $3, cancelled_at = clock_timestamp()
     where id = $1 and status in ${literals(OPEN_PAYOUT_STATUSES)}`,
    [id, reason, actor],
  );
}

/** The payout that a transfer of the bank has paid. */
export async function selectByReference(on: Queryable, reference: string): Promise<string | undefined> {
  const found = await maybeOne<{ id: string }>(
    on,
    'payouts.by_reference',
    'select id from payouts where reference = $1',
    [reference],
  );
  return found?.id;
}

/** What a payout is about: its lines are in its cut, and not in that of the payout before. */
export interface PayoutCut {
  merchantId: number;
  currency: string;
  seesTo: number;
  /** An `int8multirange`, as text. */
  missing: string;
  /** Null, as the next: there was no payout before. */
  beforeSeesTo: number | null;
  beforeMissing: string | null;
}

export function selectCut(on: Queryable, payoutId: string): Promise<PayoutCut> {
  return one<PayoutCut & Record<string, unknown>>(
    on,
    'payouts.cut',
    `select p.merchant_id as "merchantId", p.currency, p.sees_to as "seesTo", p.missing::text as missing, b.sees_to as "beforeSeesTo",
       b.missing::text as "beforeMissing"
     from payouts p left join payouts b on b.id = p.after where p.id = $1`,
    [payoutId],
  );
}

/** Lines of a payout after a row of the ledger, in the order of rows. */
export function selectLines(
  on: Queryable,
  { merchantId, currency, seesTo, missing, beforeSeesTo, beforeMissing }: PayoutCut,
  { after, limit }: { after: number; limit: number },
): Promise<StatementLine[]> {
  return many<StatementLine & Record<string, unknown>>(
    on,
    'payouts.lines',
    `select l.id, l.day::text as day, ${utc('l.effective_at')} as at, l.kind, y.order_id as "orderId", l.payment_id as "paymentId",
       l.source_id as "sourceId", ${owedBy('l')} as minor
     from (select $3::bigint as sees_to, $4::int8multirange as missing) c
     cross join (select $5::bigint as sees_to, $6::int8multirange as missing) b
     join money_ledger l on ${isLine({ merchant: '$1::int', currency: '$2::char(3)', cut: 'c', before: 'b' })} left join payments y on y.id = l.payment_id
     where l.id > $7::bigint order by l.id limit $8`,
    [merchantId, currency, seesTo, missing, beforeSeesTo, beforeMissing, after, limit],
  );
}
