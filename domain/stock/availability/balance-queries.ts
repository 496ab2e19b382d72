import { execute, maybeOne, one, type Transaction } from '../../../platform/database/database';

/** Locks what says up to where balances are kept. Undefined: another process keeps them just now. */
export function lockBalanced(tx: Transaction): Promise<{ xid: number } | undefined> {
  return maybeOne(tx, 'balances.lock', 'select xid from ledger_balanced for no key update skip locked');
}

/** A part of the ledger by time, in one month; times are text, to the microsecond. */
export interface BalanceStep {
  after: string;
  upTo: string;
  /** Every transaction below it has ended. */
  horizon: number;
  /** There is nothing final after it. */
  isLast: boolean;
}

/**
 * The next part of the ledger that is final. Null: there is none. With the lock: the months stay, and what is final does not depend
 * on it. The time is read before the statement that reads the ledger, which therefore sees everything up to it.
 */
export async function selectBalanceStep(tx: Transaction): Promise<BalanceStep | null> {
  const row = await one<{ after: string | null; upTo: string; horizon: number; isLast: boolean }>(
    tx,
    'balances.next_step',
    `with now as materialized (
       select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon, ledger_final_until() as final
     ), begun as (
       select greatest(b.until, (select min(lower_bound) - interval '1 microsecond' from ledger_partitions)) as at
       from ledger_balanced b
     ), step as (
       select begun.at, least(now.final, (date_trunc('month', (begun.at + interval '1 microsecond') at time zone 'UTC') + interval '1 month')
                at time zone 'UTC' - interval '1 microsecond') as up_to from begun, now
     )
     select case when step.up_to > step.at then step.at::text end as after, step.up_to::text as "upTo", now.horizon,
            step.up_to = now.final as "isLast"
     from step, now`,
  );
  return row.after === null ? null : { ...row, after: row.after };
}

/**
 * Writes balances at the times of some entries of a step, one in 256 of them, by the hash of their ids: so a stock row gets one for
 * each 256 of its own in the mean, whatever moves with it. Each is summed from the one before it.
 *
 * @param fromXid entries of the step are of this transaction or later ones
 */
export function insertBalances(
  tx: Transaction,
  { after, upTo }: Pick<BalanceStep, 'after' | 'upTo'>,
  fromXid: number,
): Promise<number> {
  return execute(
    tx,
    'balances.insert',
    `with picked as materialized (
       select distinct t.product_id, t.warehouse_id, t.at from inventory_transactions t
       where t.xid::text::bigint >= $3 and t.at > $1::timestamptz and t.at <= $2::timestamptz and hashint8(t.id) & 255 = 0
     ), base as (
       select r.product_id, r.warehouse_id, coalesce(b.at, '-infinity') as at,
              coalesce(b.on_hand, o.on_hand, 0) as on_hand, coalesce(b.reserved, o.reserved, 0) as reserved
       from (select distinct product_id, warehouse_id from picked) r
       left join ledger_opening o on o.product_id = r.product_id and o.warehouse_id = r.warehouse_id
       left join lateral (
         select k.at, k.on_hand, k.reserved from ledger_balances k
         where k.product_id = r.product_id and k.warehouse_id = r.warehouse_id and k.at <= $1::timestamptz
           and k.at >= coalesce((select max(upper_bound) from ledger_folds), '-infinity')
         order by k.at desc limit 1) b on true
     ), stepped as (
       select p.product_id, p.warehouse_id, p.at, b.on_hand, b.reserved,
              lag(p.at, 1, b.at) over (partition by p.product_id, p.warehouse_id order by p.at) as after
       from picked p join base b on b.product_id = p.product_id and b.warehouse_id = p.warehouse_id
     )
     insert into ledger_balances (product_id, warehouse_id, at, on_hand, reserved)
     select s.product_id, s.warehouse_id, s.at, s.on_hand + sum(d.on_hand) over rising, s.reserved + sum(d.reserved) over rising
     from stepped s cross join lateral (
       select sum(t.on_hand_delta) as on_hand, sum(t.reserved_delta) as reserved from inventory_transactions t
       where t.product_id = s.product_id and t.warehouse_id = s.warehouse_id and t.at > s.after and t.at <= s.at) d
     window rising as (partition by s.product_id, s.warehouse_id order by s.at)
     on conflict do nothing`,
    [after, upTo, fromXid],
  );
}

/** @param xid null: it stays, since more of the same transactions follows */
export function setBalanced(tx: Transaction, upTo: string, xid: number | null): Promise<number> {
  return execute(
    tx,
    'balances.set_balanced',
    'update ledger_balanced set until = $1::timestamptz, xid = coalesce($2::bigint, xid)',
    [upTo, xid],
  );
}

/** Balances of months that were dropped, which nothing reads. */
export function deleteOldBalances(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'balances.delete_old',
    'delete from ledger_balances where at < (select max(upper_bound) from ledger_folds)',
  );
}
