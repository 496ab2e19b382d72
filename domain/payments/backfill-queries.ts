import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { TAKING_DISPUTE_STATUSES } from './types';

/** A source of money of which the money ledger has another amount than is true. */
export interface UnpostedSource {
  kind: 'capture' | 'refund' | 'dispute';
  sourceId: string;
  /** What is true; 0: it was, and came back. */
  amountMinor: number;
  /** What is captured is for nothing that was sold. */
  isUnwanted: boolean;
  /** When it became true. */
  at: Date;
}

/** SQL of the money of payments `p`, as `known`. */
const KNOWN = `select p.id as payment_id, 'capture' as kind, p.id as source_id, p.captured_minor as amount,
    -- All of it goes back: nothing was sold for it.
    exists (select from refunds r where r.payment_id = p.id and r.origin = 'payment' and r.origin_id = p.id) as unwanted,
    coalesce((select min(e.at) from order_events e where e.order_id = p.order_id and e.type = 'payment_captured'
              and e.data ->> 'paymentId' = p.id::text), p.updated_at) as at
  from chosen p where p.captured_minor > 0 and not exists (select from captures c where c.payment_id = p.id)
  union all
  select p.id, 'capture', c.id, c.amount_minor,
    -- More was captured than was asked for.
    c.shipment_id is null and c.gateway_ref is null
      and exists (select from refunds r where r.payment_id = p.id and r.origin = 'payment' and r.origin_id = p.id),
    c.updated_at
  from chosen p join captures c on c.payment_id = p.id where c.status = 'succeeded' and c.amount_minor > 0
  union all
  select p.id, 'refund', r.id, case when r.status = 'succeeded' or r.found_at is not null then r.amount_minor else 0 end, false,
    coalesce(r.found_at, r.updated_at)
  from chosen p join refunds r on r.order_id = p.order_id and r.payment_id = p.id
  union all
  select p.id, 'dispute', d.id, case when d.status in ${literals(TAKING_DISPUTE_STATUSES)} then d.amount_minor else 0 end, false,
    d.occurred_at
  from chosen p join disputes d on d.payment_id = p.id`;

/**
 * SQL of whether the ledger does not have `k` as it is true. Workers of the version before also take back what is in it, and change what a
 * dispute has taken. A part of a capture or refund is nobody's doing but a person's: that is for the check to tell.
 */
const UNPOSTED = `(select (k.amount = 0) <> (l.minor = 0) or k.kind = 'dispute' and k.amount <> l.minor from (
      select coalesce(sum(case when l.kind in ('capture', 'refund', 'dispute') then l.amount_minor
                               when l.kind in ('refund_failed', 'dispute_reversed') then -l.amount_minor end), 0) as minor
      from money_ledger l where l.source_id = k.source_id) l)`;

/** Of a payment, oldest first; captures before what goes back of them. */
export function selectUnposted(on: Queryable, paymentId: string): Promise<UnpostedSource[]> {
  return many<UnpostedSource>(
    on,
    'payments.unposted',
    `with chosen as (select * from payments where id = $1), known as (${KNOWN})
     select k.kind, k.source_id as "sourceId", k.amount as "amountMinor", k.unwanted as "isUnwanted", k.at
     from known k where ${UNPOSTED} order by k.kind <> 'capture', k.at, k.source_id`,
    [paymentId],
  );
}

export interface BackfillPart {
  /** The last payment of this part; null: there is none after. */
  last: string | null;
  /** Payments of it that have money which is not in the ledger as it is true. */
  paymentIds: string[];
}

/** Looks at payments after one, by id. */
export async function selectBackfillPart(
  on: Queryable,
  after: string | null,
  limit: number,
): Promise<BackfillPart> {
  const row = await maybeOne<BackfillPart>(
    on,
    'payments.backfill_part',
    `with chosen as materialized (
       select * from payments where $1::uuid is null or id > $1 order by id limit $2
     ), known as (${KNOWN})
     select (select id from chosen order by id desc limit 1) as last,
       coalesce((select array_agg(distinct k.payment_id) from known k where ${UNPOSTED}), '{}') as "paymentIds"`,
    [after, limit],
  );
  return row ?? { last: null, paymentIds: [] };
}

/** Where the backfill goes on, locked; undefined: it is not due, is over, or another process is at it. */
export function selectBackfillForUpdate(
  tx: Transaction,
): Promise<{ after: string | null; posted: number } | undefined> {
  return maybeOne(
    tx,
    'payments.lock_backfill',
    `select after, posted from money_backfill where finished_at is null and next_pass_at <= clock_timestamp()
     for update skip locked`,
  );
}

export function updateBackfill(tx: Transaction, after: string, posted: number): Promise<number> {
  return execute(tx, 'payments.backfill_on', 'update money_backfill set after = $1, posted = posted + $2', [
    after,
    posted,
  ]);
}

/** A pass is over: one that found nothing was the last, but for the first, beside which workers of the version before may have run. */
export function updateBackfillPass(tx: Transaction, pauseSeconds: number): Promise<number> {
  return execute(
    tx,
    'payments.backfill_pass',
    `update money_backfill set after = null, posted = 0, passes = passes + 1, pass_began_at = clock_timestamp(),
       finished_at = case when posted = 0 and passes > 0 then clock_timestamp() end,
       next_pass_at = clock_timestamp() + make_interval(secs => $1)`,
    [pauseSeconds],
  );
}
