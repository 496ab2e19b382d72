import { execute, one, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { LOWERING_KINDS, RAISING_KINDS } from '../money/types';
import type { ReconciliationRequest } from './types';

export const COPY_ROWS =
  'copy reconciliation_rows (feed_id, line, kind, ref, minor, fee_minor, net_minor, currency, day, group_ref, code, reason) from stdin';

/** Rows that were just written have no statistics. */
export async function analyzeStaged(tx: Transaction): Promise<void> {
  await execute(tx, 'reconciliation.analyze', 'analyze reconciliation_rows, reconciliation_entries');
}

export function countRejects(tx: Transaction, feedId: number): Promise<{ rejected: number }> {
  return one(
    tx,
    'reconciliation.count_rejects',
    'select count(*) as rejected from reconciliation_rows where feed_id = $1 and code is not null',
    [feedId],
  );
}

/** So many days beside those that are asked for, something is known of both sides: it may have another date here than there. */
export const MARGIN_DAYS = 7;

/** Writes what the money ledger has of a gateway, one entry for each capture, refund and dispute, whosoever the money is. */
export function insertLedgerEntries(
  tx: Transaction,
  feedId: number,
  {
    gateway,
    from,
    to,
    toleranceDays,
  }: Pick<ReconciliationRequest, 'gateway' | 'from' | 'to' | 'toleranceDays'>,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_ledger_entries',
    `with moved as (
       select source_id, kind, currency, payment_id,
         sum(case when kind in ${literals(RAISING_KINDS)} then amount_minor else -amount_minor end) as minor, min(effective_at) as effective_at
       from money_ledger
       where kind in ${literals([...RAISING_KINDS, ...LOWERING_KINDS])}
         -- The day is that of the merchant, which is another one than in UTC by one at most.
         and day between $3::date - $5::int - 1 and $4::date + $5::int + 1
         and effective_at >= ($3::date - $5::int)::timestamp at time zone 'UTC' and effective_at < ($4::date + $5::int + 1)::timestamp at time zone 'UTC'
       group by source_id, kind, turn, currency, payment_id
     )
     insert into reconciliation_entries (feed_id, kind, ref, minor, currency, day, source_id)
     select $1, m.kind, case when m.kind = 'capture' then p.gateway_ref when m.kind in ('refund', 'refund_failed') then r.gateway_ref
                        else d.gateway_ref end, m.minor, m.currency, (m.effective_at at time zone 'UTC')::date, m.source_id
     from moved m join payments p on p.id = m.payment_id and p.gateway = $2
     left join refunds r on r.id = m.source_id and m.kind in ('refund', 'refund_failed')
     left join disputes d on d.id = m.source_id and m.kind in ('dispute', 'dispute_reversed')`,
    [feedId, gateway, from, to, toleranceDays + MARGIN_DAYS],
  );
}

/** Writes what a bank should have: the payouts of a gateway's file, which come in, and those to merchants, which go out. */
export function insertTransferEntries(
  tx: Transaction,
  feedId: number,
  {
    gatewayJobId,
    accountCurrency,
    from,
    to,
    toleranceDays,
  }: Pick<ReconciliationRequest, 'gatewayJobId' | 'accountCurrency' | 'from' | 'to' | 'toleranceDays'>,
): Promise<number> {
  return execute(
    tx,
    'reconciliation.insert_transfer_entries',
    `insert into reconciliation_entries (feed_id, kind, ref, minor, currency, day, source_id)
     select $1::bigint, 'payout', coalesce(r.ref, r.group_ref), -r.minor, r.currency, r.day, null::uuid
     from feeds f join reconciliation_rows r on r.feed_id = f.id
     where f.job_id = $2 and r.kind = 'payout' and r.code is null and ($6::text is null or r.currency = $6) and r.day between $3::date - $5::int and $4::date + $5::int
     union all
     select $1, 'payout', reference, -amount_minor, currency, paid_on, id from payouts
     where status = 'paid' and ($6::text is null or currency = $6) and paid_on between $3::date - $5::int and $4::date + $5::int`,
    [feedId, gatewayJobId, from, to, toleranceDays + MARGIN_DAYS, accountCurrency],
  );
}

/** Forgets up to `limit` rows, but those of readable payouts; returns how many there were. */
export function deleteMatched(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'reconciliation.delete_matched',
    `delete from reconciliation_rows where ctid = any (array(
       select ctid from reconciliation_rows where feed_id = $1 and (kind is distinct from 'payout' or code is not null) limit $2))`,
    [feedId, limit],
  );
}

/** Forgets up to `limit` rows; returns how many there were. */
export function deleteRows(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'reconciliation.delete_rows',
    `delete from reconciliation_rows where ctid = any (array(select ctid from reconciliation_rows where feed_id = $1 limit $2))`,
    [feedId, limit],
  );
}

/** The same of what we knew. */
export function deleteEntries(on: Queryable, feedId: number, limit: number): Promise<number> {
  return execute(
    on,
    'reconciliation.delete_entries',
    `delete from reconciliation_entries where ctid = any (array(select ctid from reconciliation_entries where feed_id = $1 limit $2))`,
    [feedId, limit],
  );
}
