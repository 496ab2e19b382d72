import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { MONEY_KNOWN, UNPOSTED } from './unposted-sql';

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

/** Of a payment, oldest first; captures before what goes back of them. */
export function selectUnposted(on: Queryable, paymentId: string): Promise<UnpostedSource[]> {
  return many<UnpostedSource>(
    on,
    'payments.unposted',
    `with chosen as (select * from payments where id = $1), known as (${MONEY_KNOWN})
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
     ), known as (${MONEY_KNOWN})
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

/**
 * Has a backfill that is over look at all payments again, from the first on, where money of one of these became true since it was over and the
 * ledger does not have it.
 */
export function reopenBackfill(tx: Transaction, paymentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'payments.reopen_backfill',
    `with chosen as (select * from payments where id = any ($1::uuid[])), known as (${MONEY_KNOWN})
     update money_backfill b set finished_at = null, pass_began_at = clock_timestamp(), next_pass_at = clock_timestamp()
     where b.finished_at is not null and exists (select from known k where k.at > b.finished_at and ${UNPOSTED})`,
    [paymentIds],
  );
}
